/** The numbers of errors as WASI preview 1 gives them (its witx files); Emscripten's libc took the same (bits/errno.h). */
import { type ErrnoName, isErrno } from './errno.ts'
import { GuestFacingError } from './host-port.ts'

/** Errors by the kernel's names. */
const NUMBERS: Readonly<Record<ErrnoName, number>> = {
  EACCES: 2,
  EAGAIN: 6,
  EBADF: 8,
  EBUSY: 10,
  ECANCELED: 11,
  ECHILD: 12,
  EEXIST: 20,
  EFAULT: 21,
  EFBIG: 22,
  EILSEQ: 25,
  EINVAL: 28,
  EIO: 29,
  EISDIR: 31,
  ELOOP: 32,
  EMFILE: 33,
  EMLINK: 34,
  ENAMETOOLONG: 37,
  ENFILE: 41,
  ENOENT: 44,
  ENOSPC: 51,
  ENOSYS: 52,
  ENOTDIR: 54,
  ENOTEMPTY: 55,
  ENOTSOCK: 57,
  ENOTSUP: 58,
  EOVERFLOW: 61,
  EPERM: 63,
  EPIPE: 64,
  ERANGE: 68,
  EROFS: 69,
  ESPIPE: 70,
  ESRCH: 71,
  EXDEV: 75,
  ENOTCAPABLE: 76,
}

/** The number of a failure that a guest may see; what is no errno is EIO. Rethrows faults of ours. */
export function errnoNumber(error: unknown): number {
  if (!(error instanceof GuestFacingError)) throw error
  return isErrno(error.code) ? NUMBERS[error.code] : NUMBERS.EIO
}
