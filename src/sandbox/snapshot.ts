/** A sandbox between two runs in, the content of a snapshot out; back, the start of a sandbox that goes on from there. */
import { TokaError } from '../errors.ts'
import { decodeValue, encodeValue } from '../kernel/values.ts'
import type { Limits } from '../limits.ts'
import { architectureClass } from '../loader/architecture.ts'
import { applyDelta, deltaOf } from '../loader/delta.ts'
import { type ImageContent, LOADER_VERSION, readContent, writeContent } from '../loader/image-format.ts'
import type { Image } from '../loader/image.ts'
import { PAGE_BYTES, type State } from '../loader/state.ts'
import type { SandboxOptions } from '../request.ts'

/** What of a sandbox's options belongs to its state. The others are powers: they are given anew. */
export type SnapshotFacts = Pick<SandboxOptions, 'language' | 'deterministic'>

/** `tainted`: its state may hold a secret, so what is closed after one was read is closed to who goes on from it. */
type Facts = SnapshotFacts & { tainted: boolean }

/** What was read. The engine's state is a difference from the image of this name. */
type Content = ImageContent & { facts: unknown; image: unknown; kernel: Uint8Array }

const LENGTH = 4
/** The facts are small: a seed is the largest of them. */
const FACTS_LIMITS = { structuredBytes: 2 ** 20, flatBytes: 2 ** 20 }

/**
 * Writes the content: the difference of memory and globals from the start image, and the kernel's state.
 * @param base the start image that the restoring side makes itself
 * @param kernel of `Kernel.serialize`
 */
export function writeSnapshot(base: Image, now: Image, facts: Facts, kernel: Uint8Array): Uint8Array<ArrayBuffer> {
  const { engine, engineVersion, engineHash, loaderVersion, name } = base
  const { language, deterministic, tainted } = facts
  const told = { language, ...(deterministic ? { deterministic } : {}), ...(tainted ? { tainted } : {}) }
  const head = encodeValue([name, told], FACTS_LIMITS)
  const files = new Uint8Array(LENGTH + head.length + kernel.length)
  new DataView(files.buffer).setUint32(0, head.length, true)
  files.set(head, LENGTH)
  files.set(kernel, LENGTH + head.length)
  return writeContent({
    engine,
    engineVersion,
    engineHash,
    loaderVersion,
    architectureClass: architectureClass(),
    moduleBytes: new Uint8Array(0),
    writtenTables: [],
    state: deltaOf(base.state, now.state),
    files,
  })
}

function damaged(): TokaError {
  return new TokaError('TOKA_SNAPSHOT_INVALID', 'the snapshot is refused: its content is damaged')
}

function read(bytes: Uint8Array<ArrayBuffer>): Content {
  try {
    const content = readContent(bytes)
    const { files = new Uint8Array(0) } = content
    const start = LENGTH + new DataView(files.buffer, files.byteOffset, files.length).getUint32(0, true)
    const head = decodeValue(files.slice(LENGTH, start), FACTS_LIMITS)
    if (start > files.length || !Array.isArray(head)) throw damaged()
    return { ...content, image: head[0], facts: head[1], kernel: files.subarray(start) }
  } catch {
    throw damaged()
  }
}

/**
 * What a sandbox is to be opened with beside its powers: not checked yet.
 * @param bytes content whose seal was checked
 * @throws TokaError TOKA_SNAPSHOT_INVALID
 */
export function readFacts(bytes: Uint8Array<ArrayBuffer>): SnapshotFacts {
  const { facts } = read(bytes)
  if (typeof facts !== 'object' || facts === null) throw damaged()
  const { language, deterministic } = facts as SnapshotFacts
  return { language, ...(deterministic === undefined ? {} : { deterministic }) }
}

function checkOrigin(content: Content, base: Image): void {
  const refused = (code: 'VERSION' | 'ENGINE' | 'MACHINE', reason: string) =>
    new TokaError(`TOKA_SNAPSHOT_${code}`, `the snapshot is refused: ${reason}`)
  if (content.loaderVersion !== LOADER_VERSION)
    throw refused('VERSION', `it was made by version ${content.loaderVersion} of the loader, not ${LOADER_VERSION}`)
  for (const key of ['engine', 'engineVersion', 'engineHash'] as const) {
    if (content[key] !== base[key]) throw refused('ENGINE', `it was made by another engine (${key} differs)`)
  }
  if (content.architectureClass !== architectureClass())
    throw refused('MACHINE', `it was made on another class of machine (${content.architectureClass})`)
  if (content.image !== base.name) throw refused('ENGINE', 'it was made from another start image')
}

/** Whether a guest of the start image can have such a state. Its memory only ever grows. */
function isStateOf({ pages, globals, tableSizes }: State, base: State): boolean {
  return (
    pages >= base.pages &&
    globals.length === base.globals.length &&
    globals.every(({ type }, at) => type === base.globals[at]?.type) &&
    tableSizes.length === base.tableSizes.length &&
    tableSizes.every((size, at) => size === base.tableSizes[at])
  )
}

/**
 * The image and the kernel's state that a sandbox goes on from.
 * @param bytes content whose seal was checked
 * @param base the start image of its language here
 * @throws TokaError TOKA_SNAPSHOT_INVALID, TOKA_SNAPSHOT_VERSION, TOKA_SNAPSHOT_ENGINE, TOKA_SNAPSHOT_MACHINE, or
 *   TOKA_REQUEST_INVALID for a memory limit that it does not fit
 */
export function openSnapshot(
  bytes: Uint8Array<ArrayBuffer>,
  base: Image,
  { memoryBytes }: Readonly<Limits>,
): { image: Image; state: Uint8Array; tainted: boolean } {
  const content = read(bytes)
  checkOrigin(content, base)
  const { state } = content
  if (!isStateOf(state, base.state)) throw damaged()
  const least = state.pages * PAGE_BYTES
  if (least > memoryBytes)
    throw new TokaError(
      'TOKA_REQUEST_INVALID',
      `limits.memoryBytes: the snapshot needs at least ${least} bytes, not ${memoryBytes}`,
    )
  const { tainted } = Object(content.facts) as Partial<Facts>
  return { image: { ...base, state: applyDelta(base.state, state) }, state: content.kernel, tainted: tainted === true }
}
