/** Keys and bytes in, files of a cache directory out, and back. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { entryName, type LoaderCache, openEntry, sealEntry } from './cache-entry.ts'

/** The place where this platform's programs keep what they can make again. */
function defaultDirectory(): string {
  const { TOKA_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env
  if (TOKA_CACHE) return TOKA_CACHE
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'toka')
  if (process.platform === 'win32') return join(LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'toka', 'Cache')
  return join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'toka')
}

/** Readers see the whole file or none: it is written beside and renamed. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.${process.pid}.${crypto.randomUUID()}.tmp`
  try {
    await writeFile(draft, bytes, { flag: 'wx', mode: 0o600 })
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

/**
 * Opens a cache directory; it is made at the first `put`.
 * @param location its path; by default the platform's place for caches, or TOKA_CACHE from the environment
 */
export function openCache(location?: string): LoaderCache {
  const directory = location ?? defaultDirectory()
  return {
    async get(key) {
      try {
        const { buffer, byteOffset, length } = await readFile(join(directory, await entryName(key)))
        return await openEntry(key, new Uint8Array(buffer, byteOffset, length))
      } catch {
        // Missing or unreadable: the caller makes it again.
        return undefined
      }
    },
    async put(key, bytes) {
      try {
        await mkdir(directory, { recursive: true, mode: 0o700 })
        await writeWhole(join(directory, await entryName(key)), await sealEntry(key, bytes))
      } catch {
        // Read-only or full: there is no cache then.
      }
    },
  }
}
