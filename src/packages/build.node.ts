/** A directory of wheels and a lock in, the bytes of an image of packages out: nothing that the lock does not vouch for. */
import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { TokaError } from '../errors.ts'
import { PACKAGES } from '../limits.ts'
import type { Compile } from './bytecode.ts'
import { type LockedPackage, type LockedWheel, readLock } from './lock.ts'
import { encodePackages, type ImagePackage } from './package-image.ts'
import { unpackWheel } from './wheel.node.ts'
import { isPure, parseWheelName } from './wheel-name.ts'

export type BuildPackagesOptions = {
  /** A directory that holds the wheels, as `pip download` fills it. */
  wheels: string
  /** The path of a `pylock.toml`. */
  lock: string
  /** Makes bytecode of the modules, which the image then has too (`compileIn`); without it they are compiled when they are imported. */
  compile?: Compile
}

export type BuiltPackages = {
  name: string
  bytes: Uint8Array<ArrayBuffer>
  packages: readonly ImagePackage[]
  /** Packages that the lock wants in some environments only and that have no wheel in the directory. */
  left: readonly string[]
}

async function readBounded(path: string, most: number, what: string): Promise<Uint8Array<ArrayBuffer>> {
  const { size } = await stat(path)
  if (size > most)
    throw new TokaError('TOKA_PACKAGE_INVALID', `${what} is larger than ${most.toLocaleString('en')} bytes`)
  return new Uint8Array(await readFile(path))
}

/** The wheel of a package to use: a pure one that is there. */
function chooseWheel({ name, version, wheels }: LockedPackage, there: ReadonlySet<string>): LockedWheel | undefined {
  const shown = `${name} ${version}`.trim()
  if (wheels.length === 0)
    throw new TokaError('TOKA_PACKAGE_LOCK', `the lock has no wheel of ${shown}, only its source`)
  const pure = wheels.filter(({ file }) => isPure(parseWheelName(file)))
  if (pure.length === 0) {
    const file = (wheels.find((wheel) => there.has(wheel.file)) ?? (wheels[0] as LockedWheel)).file
    throw new TokaError(
      'TOKA_PACKAGE_BINARY',
      `the wheel ${file} is refused: ${shown} has machine code for one platform; only pure wheels (…-none-any.whl) can be used`,
    )
  }
  return pure.find(({ file }) => there.has(file))
}

/** @throws TokaError TOKA_PACKAGE_HASH, and what `unpackWheel` throws */
async function readWheel(directory: string, { file, sha256 }: LockedWheel): Promise<Map<string, Uint8Array>> {
  const bytes = await readBounded(join(directory, file), PACKAGES.wheelBytes, `the wheel ${file}`)
  const actual = createHash('sha256').update(bytes).digest('hex')
  if (actual !== sha256)
    throw new TokaError(
      'TOKA_PACKAGE_HASH',
      `the wheel ${file} is refused: its sha256 is ${actual}, the lock has ${sha256}`,
    )
  return unpackWheel(file, bytes)
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => b[at] === byte)
}

/** Adds a wheel's files. Packages may share a file only if it is the same one. */
function merge(into: Map<string, Uint8Array>, files: ReadonlyMap<string, Uint8Array>, wheel: string): void {
  for (const [path, content] of files) {
    const other = into.get(path)
    if (other && !sameBytes(other, content))
      throw new TokaError(
        'TOKA_PACKAGE_INVALID',
        `the wheel ${wheel} is refused: another one has ${JSON.stringify(path)} too`,
      )
    into.set(path, content)
  }
  const size = [...into.values()].reduce((sum, { length }) => sum + length, 0)
  if (into.size > PACKAGES.files || size > PACKAGES.bytes)
    throw new TokaError('TOKA_PACKAGE_INVALID', `with the wheel ${wheel} the packages are larger than an image may be`)
}

/**
 * Puts pure wheels into an image.
 * @throws TokaError TOKA_PACKAGE_LOCK, TOKA_PACKAGE_HASH, TOKA_PACKAGE_BINARY, TOKA_PACKAGE_INVALID or
 *   TOKA_PACKAGE_MISSING, each naming the package or the wheel
 */
export async function buildPackages({ wheels, lock, compile }: BuildPackagesOptions): Promise<BuiltPackages> {
  const text = new TextDecoder().decode(await readBounded(lock, PACKAGES.lockBytes, 'the lock'))
  const there = new Set(await readdir(wheels))
  const files = new Map<string, Uint8Array>()
  const packages: ImagePackage[] = []
  const left: string[] = []
  for (const locked of readLock(text).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const wheel = chooseWheel(locked, there)
    if (wheel) {
      merge(files, await readWheel(wheels, wheel), wheel.file)
      packages.push({
        name: locked.name,
        version: parseWheelName(wheel.file).version,
        wheel: wheel.file,
        sha256: wheel.sha256,
      })
    } else if (locked.conditional) left.push(locked.name)
    else
      throw new TokaError(
        'TOKA_PACKAGE_MISSING',
        `no wheel of ${locked.name} ${locked.version} that the lock names is in the directory`,
      )
  }
  for (const [path, bytecode] of (await compile?.(files)) ?? []) files.set(path, bytecode)
  return { ...(await encodePackages(packages, files)), packages, left }
}
