/** Errno failures as a guest sees them: a name, a short text in Node's words, the guest's own path. */
import { GuestFacingError } from './host-port.ts'

/** The errors of the kernel with the texts of libuv (docs.libuv.org, "Error constants"). */
const TEXTS = {
  EACCES: 'permission denied',
  EAGAIN: 'resource temporarily unavailable',
  EBADF: 'bad file descriptor',
  EBUSY: 'resource busy or locked',
  ECANCELED: 'operation canceled',
  ECHILD: 'no child processes',
  EEXIST: 'file already exists',
  EFAULT: 'bad address in system call argument',
  EFBIG: 'file too large',
  EILSEQ: 'illegal byte sequence',
  EINVAL: 'invalid argument',
  EIO: 'i/o error',
  EISDIR: 'illegal operation on a directory',
  ELOOP: 'too many symbolic links encountered',
  EMFILE: 'too many open files',
  EMLINK: 'too many links',
  ENAMETOOLONG: 'name too long',
  ENFILE: 'file table overflow',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOSYS: 'function not implemented',
  ENOTCAPABLE: 'capabilities insufficient',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  ENOTSOCK: 'socket operation on non-socket',
  ENOTSUP: 'operation not supported',
  ERANGE: 'result too large',
  EOVERFLOW: 'value too large for defined data type',
  EPERM: 'operation not permitted',
  EPIPE: 'broken pipe',
  EROFS: 'read-only file system',
  ESPIPE: 'invalid seek',
  ESRCH: 'no such process',
  EXDEV: 'cross-device link not permitted',
} as const satisfies Record<string, string>

export type ErrnoName = keyof typeof TEXTS

/** Characters of a path that a message repeats. */
const PATH_IN_MESSAGE = 500

/** Whether a code is an errno that the kernel knows. */
export function isErrno(code: string): code is ErrnoName {
  return Object.hasOwn(TEXTS, code)
}

/** A failure without its place: what knows the call and the path adds them with {@link reword}. */
export function errno(code: ErrnoName): GuestFacingError {
  return new GuestFacingError(code, `${code}: ${TEXTS[code]}`)
}

/**
 * The same failure with the call's name and the path as the guest wrote it, like Node's:
 * `ENOENT: no such file or directory, open '/data/x'`. Anything but an errno failure is answered as it is.
 */
export function reword(error: unknown, call: string, path?: string, other?: string): unknown {
  if (!(error instanceof GuestFacingError) || !isErrno(error.code)) return error
  const from = path === undefined ? '' : ` '${path.slice(0, PATH_IN_MESSAGE)}'`
  const to = other === undefined ? '' : ` -> '${other.slice(0, PATH_IN_MESSAGE)}'`
  return new GuestFacingError(error.code, `${error.code}: ${TEXTS[error.code]}, ${call}${from}${to}`)
}
