/** The packages of an image as bytes, and back: named by the hash of all of them. */
import * as z from 'zod'
import { TokaError } from '../errors.ts'
import { sha256, toHex } from '../loader/hash.ts'

export type ImagePackage = { name: string; version: string; wheel: string; sha256: string }

/** What a directory `site-packages` of a sandbox holds. */
export type PackageImage = {
  /** `python-` and the hash of the bytes. */
  name: string
  packages: readonly ImagePackage[]
  /** By path relative to `site-packages`, sorted. */
  files: ReadonlyMap<string, Uint8Array>
}

/** "TOKAPY", the version of the form, and a zero; then u32 length of the head, the head as JSON, the contents. */
const MAGIC = [0x54, 0x4f, 0x4b, 0x41, 0x50, 0x59, 0x01, 0x00] as const
const HEAD_START = MAGIC.length + 4

const headSchema = z.strictObject({
  python: z.literal('3.14'),
  packages: z.array(z.strictObject({ name: z.string(), version: z.string(), wheel: z.string(), sha256: z.string() })),
  files: z.array(z.tuple([z.string(), z.int().nonnegative()])),
})

function damaged(what: string): TokaError {
  return new TokaError('TOKA_IMAGE_INVALID', `the package image is refused: ${what}`)
}

/** Whether a path stays in the directory that it is relative to, in one spelling. */
export function isInside(path: string): boolean {
  return (
    path.length <= 1_024 &&
    path.isWellFormed() &&
    !/[\0\\]/.test(path) &&
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && part.length <= 255)
  )
}

const nameOf = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> => `python-${toHex(await sha256(bytes))}`

/** The bytes of an image. Equal packages have equal bytes. */
export async function encodePackages(
  packages: readonly ImagePackage[],
  files: ReadonlyMap<string, Uint8Array>,
): Promise<{ name: string; bytes: Uint8Array<ArrayBuffer> }> {
  const sorted = [...files].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const head = new TextEncoder().encode(
    JSON.stringify({ python: '3.14', packages, files: sorted.map(([path, { length }]) => [path, length]) }),
  )
  const size = sorted.reduce((sum, [, { length }]) => sum + length, HEAD_START + head.length)
  const bytes = new Uint8Array(size)
  bytes.set(MAGIC)
  new DataView(bytes.buffer).setUint32(MAGIC.length, head.length, true)
  bytes.set(head, HEAD_START)
  let at = HEAD_START + head.length
  for (const [, content] of sorted) {
    bytes.set(content, at)
    at += content.length
  }
  return { name: await nameOf(bytes), bytes }
}

function readHead(bytes: Uint8Array): { head: z.infer<typeof headSchema>; end: number } {
  if (bytes.length < HEAD_START || !MAGIC.every((byte, at) => bytes[at] === byte))
    throw damaged('it is none, or of another version')
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(MAGIC.length, true)
  if (length > bytes.length - HEAD_START) throw damaged('its end is missing')
  const end = HEAD_START + length
  try {
    return { head: headSchema.parse(JSON.parse(new TextDecoder().decode(bytes.subarray(HEAD_START, end)))), end }
  } catch {
    throw damaged('its head does not parse')
  }
}

/**
 * Reads an image's bytes.
 * @param expected its name, when it is known: other bytes are refused
 * @throws TokaError TOKA_IMAGE_INVALID
 */
export async function decodePackages(bytes: Uint8Array<ArrayBuffer>, expected?: string): Promise<PackageImage> {
  const name = await nameOf(bytes)
  if (expected !== undefined && name !== expected) throw damaged(`its bytes are not those of ${expected}`)
  const { head, end } = readHead(bytes)
  const files = new Map<string, Uint8Array>()
  let at = end
  for (const [path, length] of head.files) {
    if (!isInside(path) || files.has(path)) throw damaged('a path in it leads elsewhere')
    if (length > bytes.length - at) throw damaged('its end is missing')
    files.set(path, bytes.subarray(at, at + length))
    at += length
  }
  if (at !== bytes.length) throw damaged('there is more in it than it says')
  return { name, packages: head.packages, files }
}
