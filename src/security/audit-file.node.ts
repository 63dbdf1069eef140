/** A file's name in, where a log goes out: appended to by one process at a time, readable by its owner alone. */
import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { TokaError } from '../errors.ts'
import { type AuditSink, wholeLength } from './audit-log.ts'
import { takeLock } from './lock-file.node.ts'

/** A log's file: `before` is what earlier processes wrote, for `verifyAuditLog`. */
export type AuditFile = AuditSink & {
  readonly before: Uint8Array | undefined
  /** Where the end of a log lies that was cut in the middle of a record, as a crash leaves it; undefined for a whole one. */
  readonly torn: string | undefined
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return new Uint8Array(readFileSync(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Puts the cut end of a log beside it: what remains is whole, and goes on. Nothing is thrown away. */
function setTornEndAside(path: string, bytes: Uint8Array, whole: number): string {
  const torn = `${path}.torn-${Date.now()}`
  writeFileSync(torn, bytes.subarray(whole), { flag: 'wx', mode: 0o600, flush: true })
  truncateSync(path, whole)
  return torn
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
    const bytes = readIfThere(path) ?? new Uint8Array()
    let length = wholeLength(bytes)
    const torn = length < bytes.length ? setTornEndAside(path, bytes, length) : undefined
    return {
      before: length > 0 ? bytes.subarray(0, length) : undefined,
      torn,
      append: (piece) => {
        try {
          appendFileSync(path, piece, { mode: 0o600 })
        } catch (error) {
          // A full disk takes a part of it.
          truncateSync(path, length)
          throw error
        }
        length += piece.length
      },
      close: release,
    }
  } catch (error) {
    release()
    throw error
  }
}
