/** Paths from guests: bounded before they are decoded, checked once, split into names. */
import { TokaError } from '../errors.ts'
import { BORDER } from '../limits.ts'
import { errno } from './errno.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** Decodes a path: at most 4,096 bytes of UTF-8, not empty, no NUL. */
export function decodePath(bytes: Uint8Array): string {
  if (bytes.length > BORDER.pathBytes) throw errno('ENAMETOOLONG')
  let path: string
  try {
    path = utf8.decode(bytes)
  } catch {
    throw errno('EILSEQ')
  }
  return checkPath(path)
}

/** The same rules for a path that arrived as a string, which a decoder has already found to be well-formed. */
export function checkPath(path: string): string {
  if (path === '') throw errno('ENOENT')
  if (path.includes('\0')) throw errno('EINVAL')
  if (byteLength(path, BORDER.pathBytes) > BORDER.pathBytes) throw errno('ENAMETOOLONG')
  return path
}

/** Refuses a name of more than 255 bytes. */
export function checkName(name: string): void {
  if (byteLength(name, BORDER.nameBytes) > BORDER.nameBytes) throw errno('ENAMETOOLONG')
}

/** Whether a string can be the name of a directory's entry. */
export function isName(name: string): boolean {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name) || !name.isWellFormed()) return false
  return byteLength(name, BORDER.nameBytes) <= BORDER.nameBytes
}

/** UTF-8 bytes of a string; stops to count where `most` is passed by the length alone. */
function byteLength(value: string, most: number): number {
  if (value.length * 3 <= most || value.length > most) return value.length
  return encoder.encode(value).length
}

/** The canonical absolute path of names. */
export function pathOf(names: readonly string[]): string {
  return `/${names.join('/')}`
}

/**
 * Checks a path that the host gave (a file of the request, a mount point): absolute and canonical in the end.
 * @param what names the field in the message
 * @throws TokaError TOKA_REQUEST_INVALID
 */
export function hostGivenPath(path: string, what: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '.')
  const usable = path.startsWith('/') && names.every(isName) && names.length <= BORDER.pathDepth
  if (!usable || path.length > BORDER.pathBytes)
    throw new TokaError(
      'TOKA_REQUEST_INVALID',
      `${what}: ${JSON.stringify(path.slice(0, 200))} is no usable path: expected an absolute path without "..", ` +
        `with at most ${BORDER.pathDepth} names of at most ${BORDER.nameBytes} bytes`,
    )
  return names
}

/** Order of names by their UTF-8 bytes, which is the order of their code points, not of UTF-16 units. */
export function compareNames(left: string, right: string): number {
  const length = Math.min(left.length, right.length)
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index)
    const b = right.charCodeAt(index)
    if (a === b) continue
    // Surrogates (code points from 0x10000) sort behind the rest of the plane.
    const shiftedA = a >= 0xd800 && a <= 0xdfff ? a + 0x10000 : a
    const shiftedB = b >= 0xd800 && b <= 0xdfff ? b + 0x10000 : b
    return shiftedA - shiftedB
  }
  return left.length - right.length
}
