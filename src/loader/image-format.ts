/** The content of an image to bytes and back: little-endian, every count checked against the bytes that are left. */
import { TokaError } from '../errors.ts'
import { fromHex, HASH_BYTES, toHex } from './hash.ts'
import type { SavedTable } from './saved-tables.ts'
import { type GlobalValue, PAGE_BYTES, RUN_BLOCK, type Run, type State } from './state.ts'

/** Version of this format. Others are refused. */
const FORMAT = 2
/** Version of the rewriter and the snapshots: images made by another are built anew. Raised with every change of either. */
export const LOADER_VERSION = 5

/** "TOKAIMG" and a zero. */
const MAGIC = [0x54, 0x4f, 0x4b, 0x41, 0x49, 0x4d, 0x47, 0x00] as const
/** Pages of 64 KiB in 32-bit memory. */
const PAGE_LIMIT = 65_536
/** Bytes of a name or a version. */
const TEXT_LIMIT = 256

/** What an image holds. */
export type ImageContent = {
  engine: string
  engineVersion: string
  engineHash: string
  loaderVersion: number
  architectureClass: string
  moduleBytes: Uint8Array<ArrayBuffer>
  writtenTables: readonly number[]
  state: State
  files?: Uint8Array
}

const GLOBAL_TYPES = ['i32', 'i64', 'f32', 'f64'] as const
/** Bytes in the tables before the payload: a run's offset and length, a global's type and value, a table's number. */
const RUN_ENTRY = 8
const GLOBAL_ENTRY = 9
const NUMBER_ENTRY = 4
/** Numbers that are always there: two versions, pages, five counts, two lengths. */
const FIXED_NUMBERS = 10
/** The length that says "no files". */
const NO_FILES = 0xffff_ffff

class Output {
  #view: DataView<ArrayBuffer>
  #at = 0

  constructor(length: number) {
    this.#view = new DataView(new ArrayBuffer(length))
  }

  raw(bytes: ArrayLike<number>): this {
    new Uint8Array(this.#view.buffer).set(bytes, this.#at)
    this.#at += bytes.length
    return this
  }

  u32(value: number): this {
    this.#view.setUint32(this.#at, value, true)
    this.#at += 4
    return this
  }

  text(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes)
  }

  global({ type, value }: GlobalValue): this {
    this.#view.setUint8(this.#at, GLOBAL_TYPES.indexOf(type))
    const at = this.#at + 1
    if (type === 'i64') this.#view.setBigInt64(at, value, true)
    else if (type === 'i32') this.#view.setInt32(at, value, true)
    else if (type === 'f32') this.#view.setFloat32(at, value, true)
    else this.#view.setFloat64(at, value, true)
    this.#at += GLOBAL_ENTRY
    return this
  }

  finish(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#view.buffer)
  }
}

const utf8 = new TextEncoder()

const savedOf = ({ savedTables = [] }: ImageContent['state']): readonly SavedTable[] => savedTables

function contentLength(content: ImageContent, texts: readonly Uint8Array[]): number {
  const { state, writtenTables, moduleBytes, files } = content
  const lengths = [
    MAGIC.length + HASH_BYTES + FIXED_NUMBERS * NUMBER_ENTRY,
    ...texts.map((text) => NUMBER_ENTRY + text.length),
    state.runs.length * RUN_ENTRY,
    ...state.runs.map(({ bytes }) => bytes.length),
    state.globals.length * GLOBAL_ENTRY,
    (state.tableSizes.length + writtenTables.length) * NUMBER_ENTRY,
    ...savedOf(state).map(({ slots }) => (2 + slots.length) * NUMBER_ENTRY),
    moduleBytes.length,
    files?.length ?? 0,
  ]
  return lengths.reduce((sum, length) => sum + length, 0)
}

/**
 * Layout: magic, format, loader version, engine hash, three texts, pages, then the tables (count and entries) of runs,
 * globals, table sizes, written tables and saved tables (each its number, count and slots), then the lengths of module and files (all ones: none), then the bytes of
 * runs, module and files.
 */
export function writeContent(content: ImageContent): Uint8Array<ArrayBuffer> {
  const { state, writtenTables, moduleBytes, files } = content
  const texts = [content.engine, content.engineVersion, content.architectureClass].map((text) => utf8.encode(text))
  if (!/^[0-9a-f]{64}$/.test(content.engineHash)) {
    throw new TokaError('TOKA_INTERNAL', "an image's engine hash is 64 hexadecimal digits")
  }
  const out = new Output(contentLength(content, texts))
  out.raw(MAGIC).u32(FORMAT).u32(content.loaderVersion).raw(fromHex(content.engineHash))
  for (const text of texts) out.text(text)
  out.u32(state.pages).u32(state.runs.length)
  for (const { offset, bytes } of state.runs) out.u32(offset).u32(bytes.length)
  out.u32(state.globals.length)
  for (const value of state.globals) out.global(value)
  for (const numbers of [state.tableSizes, writtenTables]) {
    out.u32(numbers.length)
    for (const number of numbers) out.u32(number)
  }
  const saved = savedOf(state)
  out.u32(saved.length)
  for (const { table, slots } of saved) {
    out.u32(table).u32(slots.length)
    for (const slot of slots) out.u32(slot)
  }
  out.u32(moduleBytes.length).u32(files ? files.length : NO_FILES)
  for (const { bytes } of state.runs) out.raw(bytes)
  out.raw(moduleBytes)
  if (files) out.raw(files)
  return out.finish()
}

function invalid(reason: string): TokaError {
  return new TokaError('TOKA_IMAGE_INVALID', `the image is refused: ${reason}`)
}

class Input {
  readonly #bytes: Uint8Array<ArrayBuffer>
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  raw(length: number): Uint8Array<ArrayBuffer> {
    if (length > this.left) throw invalid('it is truncated')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  u32(): number {
    this.raw(4)
    return this.#view.getUint32(this.#at - 4, true)
  }

  text(): string {
    const length = this.u32()
    if (length > TEXT_LIMIT) throw invalid('a text is too long')
    return new TextDecoder().decode(this.raw(length))
  }

  /** A count of entries that are all there: nothing is allocated for entries that are not. */
  count(entryBytes: number): number {
    const count = this.u32()
    if (count * entryBytes > this.left) throw invalid('a table is longer than the file')
    return count
  }

  numbers(): number[] {
    return Array.from({ length: this.count(NUMBER_ENTRY) }, () => this.u32())
  }

  global(): GlobalValue {
    const at = this.#at + 1
    const type = GLOBAL_TYPES[this.raw(GLOBAL_ENTRY)[0] as number]
    switch (type) {
      case 'i32':
        return { type, value: this.#view.getInt32(at, true) }
      case 'i64':
        return { type, value: this.#view.getBigInt64(at, true) }
      case 'f32':
        return { type, value: this.#view.getFloat32(at, true) }
      case 'f64':
        return { type, value: this.#view.getFloat64(at, true) }
      default:
        throw invalid('a global has an unknown type')
    }
  }
}

type Range = { offset: number; length: number }

/** Whole blocks, ascending, apart from each other, within the memory: the only form that `capture` makes. */
function readRanges(input: Input, pages: number): Range[] {
  let end = 0
  return Array.from({ length: input.count(RUN_ENTRY) }, () => {
    const offset = input.u32()
    const length = input.u32()
    const whole = length > 0 && offset % RUN_BLOCK === 0 && length % RUN_BLOCK === 0
    if (!whole || offset < end || offset + length > pages * PAGE_BYTES) throw invalid('a memory run is out of place')
    end = offset + length
    return { offset, length }
  })
}

function readState(input: Input): { pages: number; ranges: Range[]; globals: GlobalValue[]; tableSizes: number[] } {
  const pages = input.u32()
  if (pages > PAGE_LIMIT) throw invalid(`it has ${pages} pages of memory`)
  return {
    pages,
    ranges: readRanges(input, pages),
    globals: Array.from({ length: input.count(GLOBAL_ENTRY) }, () => input.global()),
    tableSizes: input.numbers(),
  }
}

/**
 * Reads what `writeContent` wrote. The parts are views of `bytes`.
 * @throws TokaError TOKA_IMAGE_INVALID for anything else
 */
export function readContent(bytes: Uint8Array<ArrayBuffer>): ImageContent {
  const input = new Input(bytes)
  const magic = input.raw(MAGIC.length)
  if (!MAGIC.every((byte, at) => magic[at] === byte)) throw invalid('it is no image')
  const format = input.u32()
  if (format !== FORMAT) throw invalid(`its format is version ${format}`)
  const loaderVersion = input.u32()
  const engineHash = toHex(input.raw(HASH_BYTES))
  const [engine, engineVersion, architectureClass] = [input.text(), input.text(), input.text()]
  const { ranges, ...state } = readState(input)
  const writtenTables = input.numbers()
  const savedTables = Array.from({ length: input.count(2 * NUMBER_ENTRY) }, () => ({
    table: input.u32(),
    slots: input.numbers(),
  }))
  const moduleLength = input.u32()
  const filesLength = input.u32()
  const runs: Run[] = ranges.map(({ offset, length }) => ({ offset, bytes: input.raw(length) }))
  const moduleBytes = input.raw(moduleLength)
  const files = filesLength === NO_FILES ? undefined : input.raw(filesLength)
  if (input.left > 0) throw invalid('it is longer than its parts')
  return {
    engine,
    engineVersion,
    engineHash,
    loaderVersion,
    architectureClass,
    moduleBytes,
    writtenTables,
    state: { ...state, runs, ...(savedTables.length > 0 ? { savedTables } : {}) },
    ...(files ? { files } : {}),
  }
}
