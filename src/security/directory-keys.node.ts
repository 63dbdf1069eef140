/** Keys in a directory: one JSON file that only its owner may read, replaced as a whole. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TokaError } from '../errors.ts'
import type { KeyRecord, KeyStore } from './key-ring.ts'
import { takeLock } from './lock-file.node.ts'

const FILE = 'keys.json'

function isRecord(value: unknown): value is KeyRecord {
  if (typeof value !== 'object' || value === null) return false
  const { kid, alg, jwk, madeAt } = value as Partial<KeyRecord>
  return typeof kid === 'string' && typeof alg === 'string' && typeof jwk === 'object' && typeof madeAt === 'number'
}

function read(path: string): { version: number; keys: readonly KeyRecord[] } {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { version: 0, keys: [] }
    throw error
  }
  try {
    const { version, keys } = JSON.parse(text) as { version: unknown; keys: unknown }
    if (typeof version === 'number' && Array.isArray(keys) && keys.every(isRecord)) return { version, keys }
  } catch {
    // Said below.
  }
  throw new TokaError('TOKA_TOKEN_KEYS', `${FILE} is damaged: it is not the JSON that was written`)
}

/** Written, on disk, then renamed over the old one: a process that dies leaves one or the other. */
function replace(directory: string, content: string): void {
  const temporary = join(directory, `.${FILE}.${process.pid}.${Date.now()}`)
  try {
    writeFileSync(temporary, content, { flag: 'wx', mode: 0o600, flush: true })
    renameSync(temporary, join(directory, FILE))
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/** Keys in `keys.json` of a directory, which is made (rights 0700) when keys are written the first time. */
export function directoryKeys(directory: string): KeyStore {
  return {
    load: () => read(join(directory, FILE)),
    save: (version, keys) => {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      // Two processes that rotate at once must not lose a key.
      const release = takeLock(join(directory, `.${FILE}.lock`))
      if (!release) return false
      try {
        if (version !== read(join(directory, FILE)).version + 1) return false
        replace(directory, `${JSON.stringify({ version, keys }, null, 2)}\n`)
        return true
      } finally {
        release()
      }
    },
  }
}
