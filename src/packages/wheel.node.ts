/** A wheel's bytes in, the files that it installs out: checked against everything that an archive can lie about. */
import { Buffer } from 'node:buffer'
import { buffer } from 'node:stream/consumers'
import yauzl from 'yauzl'
import { TokaError } from '../errors.ts'
import { PACKAGES } from '../limits.ts'
import { isInside } from './package-image.ts'

/** The bits of a Unix mode that tell a file's kind, and the kinds: they stand in the upper half of the attributes. */
const KIND = 0o170000
const REGULAR = 0o100000
const DIRECTORY = 0o040000
/** Bit of the flags of an entry that is encrypted. */
const ENCRYPTED = 1
const BINARY = /\.(?:so|pyd|dll|dylib|a|lib|wasm)(?:\.[\d.]+)?$/i
/** What a wheel would put elsewhere than into `site-packages`. */
const DATA = /^[^/]+\.data\/([^/]+)\/(.+)$/

/** The refusal of a wheel, which names it. */
export function refuseWheel(wheel: string, why: string, code: 'TOKA_PACKAGE_INVALID' | 'TOKA_PACKAGE_BINARY'): never {
  throw new TokaError(code, `the wheel ${wheel} is refused: ${why}`)
}

type Entry = { name: string; entry: yauzl.Entry }

/** Names and sizes are checked before one byte is unpacked. */
function checkEntry(wheel: string, entry: yauzl.Entry, seen: Set<string>): Entry | undefined {
  const name = entry.fileName.toString()
  const isDirectory = name.endsWith('/')
  const shown = JSON.stringify(name.slice(0, 200))
  const path = isDirectory ? name.slice(0, -1) : name
  if (!isInside(path)) refuseWheel(wheel, `the path ${shown} leads out of it`, 'TOKA_PACKAGE_INVALID')
  // Made on another system than Unix there is no mode: 0.
  const kind = (entry.externalFileAttributes >>> 16) & KIND
  if (kind !== 0 && kind !== (isDirectory ? DIRECTORY : REGULAR))
    refuseWheel(wheel, `${shown} is a link or a special file`, 'TOKA_PACKAGE_INVALID')
  if (entry.generalPurposeBitFlag & ENCRYPTED) refuseWheel(wheel, `${shown} is encrypted`, 'TOKA_PACKAGE_INVALID')
  if (seen.has(path)) refuseWheel(wheel, `${shown} is in it twice`, 'TOKA_PACKAGE_INVALID')
  seen.add(path)
  return isDirectory ? undefined : { name, entry }
}

/** Where a file is installed, relative to `site-packages`; undefined for scripts and data, which are left out. */
function placeOf(wheel: string, name: string): string | undefined {
  const [, scheme, path] = DATA.exec(name) ?? []
  if (scheme === 'platlib') refuseWheel(wheel, 'it holds files for one platform', 'TOKA_PACKAGE_BINARY')
  const place = scheme === undefined ? name : scheme === 'purelib' ? path : undefined
  if (place !== undefined && BINARY.test(place))
    refuseWheel(wheel, `${JSON.stringify(place.slice(0, 200))} is machine code`, 'TOKA_PACKAGE_BINARY')
  return place
}

async function openZip(wheel: string, bytes: Uint8Array): Promise<yauzl.ZipFile> {
  try {
    const given = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return await yauzl.fromBufferPromise(given, { strictFileNames: true, lazyEntries: true })
  } catch (error) {
    return refuseWheel(wheel, error instanceof Error ? error.message : 'it is no archive', 'TOKA_PACKAGE_INVALID')
  }
}

async function listEntries(wheel: string, zip: yauzl.ZipFile): Promise<Entry[]> {
  const seen = new Set<string>()
  const entries: Entry[] = []
  let bytes = 0
  for await (const entry of zip.eachEntry()) {
    bytes += entry.uncompressedSize
    if (bytes > PACKAGES.bytes || seen.size >= PACKAGES.files)
      refuseWheel(wheel, `it unpacks to more than a package may hold`, 'TOKA_PACKAGE_INVALID')
    const file = checkEntry(wheel, entry, seen)
    if (file) entries.push(file)
  }
  return entries
}

/**
 * Unpacks a wheel.
 * @param wheel its file name, for messages
 * @returns what it installs, by path relative to `site-packages`
 * @throws TokaError TOKA_PACKAGE_INVALID or TOKA_PACKAGE_BINARY naming the wheel
 */
export async function unpackWheel(wheel: string, bytes: Uint8Array): Promise<Map<string, Uint8Array>> {
  const zip = await openZip(wheel, bytes)
  const files = new Map<string, Uint8Array>()
  try {
    for (const { name, entry } of await listEntries(wheel, zip)) {
      const place = placeOf(wheel, name)
      if (place === undefined) continue
      if (files.has(place)) refuseWheel(wheel, `${JSON.stringify(place)} is in it twice`, 'TOKA_PACKAGE_INVALID')
      const stream = await zip.openReadStreamPromise(entry)
      files.set(place, new Uint8Array(await buffer(stream)))
    }
  } catch (error) {
    if (error instanceof TokaError) throw error
    refuseWheel(wheel, error instanceof Error ? error.message : 'it is damaged', 'TOKA_PACKAGE_INVALID')
  }
  checkMetadata(wheel, files)
  return files
}

/** A wheel says in its metadata whether it is pure, whatever its name says. */
function checkMetadata(wheel: string, files: ReadonlyMap<string, Uint8Array>): void {
  const path = [...files.keys()].find((name) => /^[^/]+\.dist-info\/WHEEL$/.test(name))
  const text = new TextDecoder().decode(path === undefined ? new Uint8Array(0) : files.get(path))
  if (!/^Wheel-Version: 1\.\d+\s*$/m.test(text))
    refuseWheel(wheel, 'it has no metadata of a wheel of version 1', 'TOKA_PACKAGE_INVALID')
  if (!/^Root-Is-Purelib: true\s*$/im.test(text))
    refuseWheel(wheel, 'it holds files for one platform', 'TOKA_PACKAGE_BINARY')
}
