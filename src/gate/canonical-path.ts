/**
 * A path from a guest in, the one form that policy is decided on out, or a refusal.
 *
 * Canonical paths are absolute, their parts are separated by one `/`, none is `.` or `..`, there is no slash at the end.
 * They are valid UTF-8 of at most 4,096 bytes, 128 parts, 255 bytes a part, without NUL and backslash (a separator on
 * some hosts). `..` is refused and not resolved: what it means depends on links, which only the kernel has followed.
 * Letters are compared byte for byte: no case is folded and no Unicode form normalised, so `é` in one code point and
 * in two are two names. A host that folds them must answer the stored name in `FileDriver.resolve`, which is decided again.
 */
import { GuestFacingError } from '../kernel/host-port.ts'
import { BORDER } from '../limits.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()
const ASCII = /^[\u0001-\u007f]*$/

function byteLength(text: string): number {
  return ASCII.test(text) ? text.length : encoder.encode(text).length
}

function refuse(code: string, what: string): never {
  throw new GuestFacingError(code, what)
}

/**
 * Brings an absolute guest path into its canonical form.
 * @throws GuestFacingError ENAMETOOLONG, EILSEQ, EINVAL (NUL) or EACCES (not absolute, `..`, backslash)
 * @example canonicalPath('/data//./x/') // '/data/x'
 */
export function canonicalPath(path: string): string {
  if (path.length > BORDER.pathBytes) refuse('ENAMETOOLONG', 'file name too long')
  if (!path.isWellFormed()) refuse('EILSEQ', 'a path is not valid Unicode')
  if (path.includes('\0')) refuse('EINVAL', 'a path has a NUL character')
  if (!path.startsWith('/') || path.includes('\\')) refuse('EACCES', 'permission denied')
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) refuse('EACCES', 'permission denied')
  const tooLong = parts.length > BORDER.pathDepth || parts.some((part) => byteLength(part) > BORDER.nameBytes)
  const canonical = `/${parts.join('/')}`
  if (tooLong || byteLength(canonical) > BORDER.pathBytes) refuse('ENAMETOOLONG', 'file name too long')
  return canonical
}

/**
 * The same for bytes from a guest, whose length is checked before they are decoded.
 * @throws GuestFacingError as `canonicalPath`
 */
export function canonicalPathOfBytes(bytes: Uint8Array): string {
  if (bytes.length > BORDER.pathBytes) refuse('ENAMETOOLONG', 'file name too long')
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    return refuse('EILSEQ', 'a path is not valid Unicode')
  }
  return canonicalPath(text)
}

/**
 * The absolute path of a path inside a mount. What a mount is given is relative: a leading slash is refused.
 * @param at the mount's canonical path
 * @throws GuestFacingError as `canonicalPath`
 */
export function pathInMount(at: string, path: string): string {
  if (path.length > BORDER.pathBytes) refuse('ENAMETOOLONG', 'file name too long')
  if (path.startsWith('/')) refuse('EACCES', 'permission denied')
  return canonicalPath(`${at}/${path}`)
}

/** The part of a canonical path beneath a mount that holds it; `''` is the mount itself. */
export function pathBeneath(at: string, path: string): string {
  return path.slice(at === '/' ? 1 : at.length + 1)
}
