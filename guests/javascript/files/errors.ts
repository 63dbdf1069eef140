/** Errors of files as Node words them: code, errno, syscall, path. */
import { attach, type Coded, codedError, failureOf } from '../failures.ts'

/** Linux's numbers and texts, as libuv shows them (https://docs.libuv.org/en/v1.x/errors.html). */
const ERRNO: Record<string, [number: number, text: string]> = {
  EPERM: [1, 'operation not permitted'],
  ENOENT: [2, 'no such file or directory'],
  EIO: [5, 'i/o error'],
  EBADF: [9, 'bad file descriptor'],
  EAGAIN: [11, 'resource temporarily unavailable'],
  EACCES: [13, 'permission denied'],
  EBUSY: [16, 'resource busy or locked'],
  EEXIST: [17, 'file already exists'],
  EXDEV: [18, 'cross-device link not permitted'],
  ENOTDIR: [20, 'not a directory'],
  EISDIR: [21, 'illegal operation on a directory'],
  EINVAL: [22, 'invalid argument'],
  ENFILE: [23, 'file table overflow'],
  EMFILE: [24, 'too many open files'],
  EFBIG: [27, 'file too large'],
  ENOSPC: [28, 'no space left on device'],
  ESPIPE: [29, 'invalid seek'],
  EROFS: [30, 'read-only file system'],
  EMLINK: [31, 'too many links'],
  EPIPE: [32, 'broken pipe'],
  ENAMETOOLONG: [36, 'name too long'],
  ENOSYS: [38, 'function not implemented'],
  ENOTEMPTY: [39, 'directory not empty'],
  ELOOP: [40, 'too many symbolic links encountered'],
  ENOTSUP: [95, 'operation not supported on socket'],
  EDQUOT: [122, 'disk quota exceeded'],
}

/** What a call was about: for the error's text and fields. */
export type CallSubject = { syscall: string; path?: string | undefined; dest?: string | undefined }

/** @param message the host's own words, for codes that are no errno */
export function fileError(code: string, subject: CallSubject, message = ''): Coded {
  const errno = ERRNO[code]
  let text = errno === undefined ? message : `${code}: ${errno[1]}, ${subject.syscall}`
  if (errno !== undefined && subject.path !== undefined) text += ` '${subject.path}'`
  if (errno !== undefined && subject.dest !== undefined) text += ` -> '${subject.dest}'`
  const error = codedError(code, text)
  if (errno !== undefined) attach(error, 'errno', -errno[0])
  attach(error, 'syscall', subject.syscall)
  if (subject.path !== undefined) attach(error, 'path', subject.path)
  if (subject.dest !== undefined) attach(error, 'dest', subject.dest)
  return error
}

/** The error for the payload of a failed call. */
export function fileFailure(payload: unknown, subject: CallSubject): Coded {
  const { code, message } = failureOf(payload)
  return fileError(code, subject, message)
}
