/** An engine's start state in, a named image out; images to bytes and back, checked in full. */
import { TokaError } from '../errors.ts'
import { architectureClass } from './architecture.ts'
import { describeModule, describeShape, type ModuleDescription } from './describe.ts'
import { HASH_BYTES, sha256, toHex } from './hash.ts'
import { type ImageContent, LOADER_VERSION, readContent, writeContent } from './image-format.ts'
import { layoutOf, type StateLayout } from './layout.ts'
import { type ModuleShape, readShape } from './sections.ts'

export { LOADER_VERSION } from './image-format.ts'

/** What an engine makes an image of. */
export type ImageParts = {
  engine: string
  engineVersion: string
  /** SHA-256 over everything that the engine is made of, in hexadecimal: its wasm, what it links, its prelude. */
  engineHash: string
  /** The rewritten module that forks are made from. */
  moduleBytes: Uint8Array<ArrayBuffer>
  layout: StateLayout
  state: ImageContent['state']
  /** The encoded tree of the image's files. */
  files?: Uint8Array
}

/** An immutable start state. */
export type Image = ImageParts & {
  loaderVersion: number
  /** See `architectureClass`. */
  architectureClass: string
  /** Compiled once a process, never encoded. */
  module: WebAssembly.Module
  /** SHA-256 over all inputs, in hexadecimal. */
  name: string
}

/** What a decoded image must be for. */
export type ImageExpectation = Pick<ImageParts, 'engine' | 'engineVersion' | 'engineHash'>

function contentOf(parts: ImageParts): ImageContent {
  const { engine, engineVersion, engineHash, moduleBytes, layout, state, files } = parts
  return {
    engine,
    engineVersion,
    engineHash,
    loaderVersion: LOADER_VERSION,
    architectureClass: architectureClass(),
    moduleBytes,
    writtenTables: layout.tables.flatMap(({ index, written }) => (written ? [index] : [])),
    state,
    ...(files ? { files } : {}),
  }
}

async function compile(bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes)
  } catch (cause) {
    throw new TokaError('TOKA_IMAGE_INVALID', "the image's module does not compile", { cause })
  }
}

/**
 * Names an image and makes its module ready.
 * @param module the compiled `moduleBytes`, when there is one
 */
export async function createImage(parts: ImageParts, module?: WebAssembly.Module): Promise<Image> {
  const name = toHex(await sha256(writeContent(contentOf(parts))))
  return {
    ...parts,
    loaderVersion: LOADER_VERSION,
    architectureClass: architectureClass(),
    module: module ?? (await compile(parts.moduleBytes)),
    name,
  }
}

/** Of modules that were read when their image was: reading Python's takes 20 ms. */
const descriptions = new WeakMap<WebAssembly.Module, ModuleDescription>()

/** What an image's module asks for and offers. */
export function describeImage({ module, moduleBytes }: Image): ModuleDescription {
  let description = descriptions.get(module)
  if (!description) {
    description = describeModule(moduleBytes)
    descriptions.set(module, description)
  }
  return description
}

/** An image of the same engine in another state: a snapshot of a live guest. */
export async function deriveImage(image: Image, state: Image['state'], files = image.files): Promise<Image> {
  const { engine, engineVersion, engineHash, moduleBytes, layout } = image
  return createImage(
    { engine, engineVersion, engineHash, moduleBytes, layout, state, ...(files ? { files } : {}) },
    image.module,
  )
}

/** The bytes of an image: its content and their SHA-256. The same image gives the same bytes. */
export async function encodeImage(image: ImageParts): Promise<Uint8Array<ArrayBuffer>> {
  const content = writeContent(contentOf(image))
  const bytes = new Uint8Array(content.length + HASH_BYTES)
  bytes.set(content)
  bytes.set(await sha256(content), content.length)
  return bytes
}

function invalid(reason: string): TokaError {
  return new TokaError('TOKA_IMAGE_INVALID', `the image is refused: ${reason}`)
}

async function checkSum(content: Uint8Array<ArrayBuffer>, expected: Uint8Array): Promise<void> {
  const sum = await sha256(content)
  if (!sum.every((byte, at) => byte === expected[at])) throw invalid('its checksum is wrong')
}

function checkExpected(content: ImageContent, expected: ImageExpectation): void {
  for (const key of ['engine', 'engineVersion', 'engineHash'] as const) {
    if (content[key] !== expected[key]) throw invalid(`it was made by another engine (${key} differs)`)
  }
  if (content.loaderVersion !== LOADER_VERSION) throw invalid(`its loader version is ${content.loaderVersion}`)
  if (content.architectureClass !== architectureClass()) throw invalid('it was made on another class of machine')
}

/** The layout is read from the module itself, so that an image cannot leave out a part of the state. */
function readModule({ moduleBytes, writtenTables, state }: ImageContent): { shape: ModuleShape; layout: StateLayout } {
  let shape: ModuleShape
  let layout: StateLayout
  try {
    shape = readShape(moduleBytes)
    layout = layoutOf(shape, new Set(writtenTables))
  } catch (cause) {
    throw new TokaError('TOKA_IMAGE_INVALID', 'the image is refused: its module cannot be read', { cause })
  }
  const { globals, tables } = layout
  const fits =
    globals.every(({ type }, at) => state.globals[at]?.type === type) && tables.length <= state.tableSizes.length
  if (!fits) throw invalid('its state does not fit its module')
  return { shape, layout }
}

/**
 * Reads an image. The checksum finds damage; it proves no origin: an image has the powers of a hostile guest and no more.
 * @param bytes kept by the image, so not to be changed afterwards
 * @param whole whoever gave them has found them to be what was kept: the checksum is not reckoned again, which is a
 *   fifth of the processor time of opening Python's 25 MB
 * @throws TokaError TOKA_IMAGE_INVALID for damaged bytes, unknown versions, another engine, or a table that lies
 */
export async function decodeImage(
  bytes: Uint8Array<ArrayBuffer>,
  expected: ImageExpectation,
  whole = false,
): Promise<Image> {
  if (bytes.length < HASH_BYTES) throw invalid('it is truncated')
  const content = bytes.subarray(0, bytes.length - HASH_BYTES)
  if (!whole) await checkSum(content, bytes.subarray(content.length))
  const read = readContent(content)
  checkExpected(read, expected)
  const { writtenTables: _, ...parts } = read
  // It is compiled by other threads, while this one reads it.
  const compiling = compile(read.moduleBytes)
  compiling.catch(() => {})
  const { shape, layout } = readModule(read)
  const module = await compiling
  descriptions.set(module, describeShape(shape))
  return {
    ...parts,
    layout,
    module,
    name: toHex(bytes.subarray(content.length)),
  }
}
