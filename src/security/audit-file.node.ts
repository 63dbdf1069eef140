/** A file's name in, where a log goes out: appended to by one process at a time, readable by its owner alone. */
import { appendFileSync, readFileSync } from 'node:fs'
import { TokaError } from '../errors.ts'
import type { AuditSink } from './audit-log.ts'
import { takeLock } from './lock-file.node.ts'

/** A log's file: `before` is what earlier processes wrote, for `verifyAuditLog`. */
export type AuditFile = AuditSink & { readonly before: Uint8Array | undefined }

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return new Uint8Array(readFileSync(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Opens a log in a file, made when it is not there. The manager's `close` ends it.
 * @throws TokaError TOKA_AUDIT_BUSY while another process writes it: two would break its chain
 */
export function auditFile(path: string): AuditFile {
  const release = takeLock(`${path}.lock`)
  if (!release)
    throw new TokaError(
      'TOKA_AUDIT_BUSY',
      `another process writes this audit log, as ${path}.lock says: use another one`,
    )
  try {
    const before = readIfThere(path)
    return { before, append: (bytes) => appendFileSync(path, bytes, { mode: 0o600 }), close: release }
  } catch (error) {
    release()
    throw error
  }
}
