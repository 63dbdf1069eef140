/** A directory of keys in, the security manager over it out: its keys, its store, perhaps a log. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { SecurityManager } from '../security/index.ts'
import { readText } from './host-text.ts'
import { UsageError } from './usage-error.ts'

export const KEYS_DIRECTORY = join('.toka', 'keys')
const STORE = 'state.db'

/** Whether a directory has keys. */
export function hasKeys(directory: string): boolean {
  return existsSync(join(directory, 'keys.json'))
}

/** A file to append to, made when it is not there; `onTorn` hears where the end lies that a crash cut off. */
export type LogFile = { path: string; onTorn: (beside: string) => void }

/**
 * Opens the manager of a directory.
 * @throws UsageError when there are no keys, TokaError TOKA_AUDIT_INVALID for a damaged log, TOKA_AUDIT_BUSY for one in use
 */
export async function openManager(directory: string, log?: LogFile): Promise<SecurityManager> {
  if (!hasKeys(directory))
    throw new UsageError(
      `--keys ${JSON.stringify(directory)}: there are no keys: make some with toka keys init --keys ${directory}`,
    )
  const { createSecurityManager } = await import('../security/index.ts')
  const { auditFile, directoryKeys, sqliteStore } = await import('../security/index.node.ts')
  const parts = { keys: directoryKeys(directory), store: sqliteStore(join(directory, STORE)) }
  if (log === undefined) return createSecurityManager(parts)
  const audit = auditFile(log.path)
  if (audit.torn !== undefined) log.onTorn(audit.torn)
  try {
    const auditAfter = audit.before && (await createSecurityManager(parts).verifyAudit(audit.before)).last
    return createSecurityManager({ ...parts, audit, ...(auditAfter ? { auditAfter } : {}) })
  } catch (error) {
    await audit.close?.()
    throw error
  }
}

/** A token as text, or the content of the file of that name. */
export async function readToken(given: string): Promise<string> {
  return (given.includes('~') ? given : await readText('TOKEN', given)).trim()
}
