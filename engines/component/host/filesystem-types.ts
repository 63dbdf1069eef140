/** The WIT types of wasi:filesystem/types, and what the kernel's failures are called there. */
import { GuestFacingError, type FileKind, type FileStat } from '../../../src/kernel/host-port.ts'
import { enumeration, flags, option, primitive, record, variant } from '../wit-types.ts'
import { datetime, type Datetime, toDatetime } from './clocks.ts'
import { err, hostResource, type Result } from './definitions.ts'

export const descriptor = hostResource('wasi:filesystem/types', 'descriptor')
export const entryStream = hostResource('wasi:filesystem/types', 'directory-entry-stream')

const ERRORS = [
  'access',
  'would-block',
  'already',
  'bad-descriptor',
  'busy',
  'deadlock',
  'quota',
  'exist',
  'file-too-large',
  'illegal-byte-sequence',
  'in-progress',
  'interrupted',
  'invalid',
  'io',
  'is-directory',
  'loop',
  'too-many-links',
  'message-size',
  'name-too-long',
  'no-device',
  'no-entry',
  'no-lock',
  'insufficient-memory',
  'insufficient-space',
  'not-directory',
  'not-empty',
  'not-recoverable',
  'unsupported',
  'no-tty',
  'no-such-device',
  'overflow',
  'not-permitted',
  'pipe',
  'read-only',
  'invalid-seek',
  'text-file-busy',
  'cross-device',
] as const

export const errorCode = enumeration(ERRORS)
export type ErrorCode = (typeof ERRORS)[number]

/** The kernel's errno names as error codes. EMFILE has none of its own. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  EACCES: 'access',
  EAGAIN: 'would-block',
  EBADF: 'bad-descriptor',
  EBUSY: 'busy',
  ECANCELED: 'interrupted',
  EEXIST: 'exist',
  EFBIG: 'file-too-large',
  EILSEQ: 'illegal-byte-sequence',
  EINVAL: 'invalid',
  EIO: 'io',
  EISDIR: 'is-directory',
  ELOOP: 'loop',
  EMFILE: 'insufficient-memory',
  EMLINK: 'too-many-links',
  ENOTCAPABLE: 'not-permitted',
  ENAMETOOLONG: 'name-too-long',
  ENFILE: 'insufficient-memory',
  ENOENT: 'no-entry',
  ENOSPC: 'insufficient-space',
  ENOSYS: 'unsupported',
  ENOTDIR: 'not-directory',
  ENOTEMPTY: 'not-empty',
  ENOTSUP: 'unsupported',
  EOVERFLOW: 'overflow',
  EPERM: 'not-permitted',
  EROFS: 'read-only',
  ESPIPE: 'invalid-seek',
  EXDEV: 'cross-device',
}

/** The error code of a failure that a guest may see; anything else is a fault of ours, and thrown on. */
export function codeOf(error: unknown): ErrorCode {
  if (!(error instanceof GuestFacingError)) throw error
  return CODES[error.code] ?? 'io'
}

export function failed(error: unknown): Result {
  return err(codeOf(error))
}

export const descriptorType = enumeration([
  'unknown',
  'block-device',
  'character-device',
  'directory',
  'fifo',
  'symbolic-link',
  'regular-file',
  'socket',
])

const KINDS: Readonly<Record<FileKind, string>> = {
  file: 'regular-file',
  directory: 'directory',
  link: 'symbolic-link',
  other: 'unknown',
}

export function kindOf(kind: FileKind): string {
  return KINDS[kind]
}

export const descriptorFlags = flags([
  'read',
  'write',
  'file-integrity-sync',
  'data-integrity-sync',
  'requested-write-sync',
  'mutate-directory',
])
export type DescriptorFlags = {
  read: boolean
  write: boolean
  fileIntegritySync: boolean
  dataIntegritySync: boolean
  requestedWriteSync: boolean
  mutateDirectory: boolean
}

export const pathFlags = flags(['symlink-follow'])
export type PathFlags = { symlinkFollow: boolean }

export const openFlags = flags(['create', 'directory', 'exclusive', 'truncate'])
export type OpenFlags = { create: boolean; directory: boolean; exclusive: boolean; truncate: boolean }

const u64 = primitive('u64')

export const descriptorStat = record([
  ['type', descriptorType],
  ['link-count', u64],
  ['size', u64],
  ['data-access-timestamp', option(datetime)],
  ['data-modification-timestamp', option(datetime)],
  ['status-change-timestamp', option(datetime)],
])

export function toDescriptorStat(stat: FileStat): Record<string, unknown> {
  return {
    type: kindOf(stat.kind),
    linkCount: BigInt(stat.links),
    size: BigInt(stat.size),
    dataAccessTimestamp: toDatetime(stat.accessedMs),
    dataModificationTimestamp: toDatetime(stat.modifiedMs),
    statusChangeTimestamp: toDatetime(stat.changedMs),
  }
}

export const newTimestamp = variant([
  ['no-change', undefined],
  ['now', undefined],
  ['timestamp', datetime],
])
export type NewTimestamp = { tag: 'no-change' | 'now' } | { tag: 'timestamp'; val: Datetime }

export const directoryEntry = record([
  ['type', descriptorType],
  ['name', primitive('string')],
])

export const metadataHash = record([
  ['lower', u64],
  ['upper', u64],
])

export const advice = enumeration(['normal', 'sequential', 'random', 'will-need', 'dont-need', 'no-reuse'])
