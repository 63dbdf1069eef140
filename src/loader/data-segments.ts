/** The data section of a module in, what a new instance's memory holds of it out: for modules whose segments are left out. */
import { Op } from './opcodes.ts'
import { Reader, refuseModule } from './reader.ts'
import { type ModuleShape, SectionId } from './sections.ts'
import { PAGE_BYTES, RUN_BLOCK, type Run } from './state.ts'

/** A piece of memory. */
type Piece = { offset: number; bytes: Uint8Array }

/** A signed LEB128 of 32 bits, of a section that was read before: its form is known to be good. */
function readSigned32(reader: Reader): number {
  let value = 0
  let shift = 0
  let byte: number
  do {
    byte = reader.byte()
    value |= (byte & 0x7f) << shift
    shift += 7
  } while (byte >= 0x80)
  return shift < 32 && (byte & 0x40) !== 0 ? value | (-1 << shift) : value
}

/** @returns undefined for a segment whose place is known at instantiation only */
function readPiece(reader: Reader): Piece | 'passive' | undefined {
  const flags = reader.u32()
  if (flags === 2) reader.u32()
  let offset = 0
  if (flags !== 1) {
    if (reader.byte() !== Op.i32Const) return undefined
    offset = readSigned32(reader) >>> 0
    if (reader.byte() !== Op.end) return undefined
  }
  const size = reader.u32()
  const start = reader.at
  reader.skip(size)
  return flags === 1 ? 'passive' : { offset, bytes: reader.bytes.subarray(start, start + size) }
}

/**
 * What the active segments write, as blocks of a state: later ones over earlier ones.
 * @returns undefined when it cannot be told without an instance
 * @throws TokaError TOKA_ENGINE_LOAD for a segment that lies outside the memory
 */
export function runsOfData(bytes: Uint8Array, shape: ModuleShape): Run[] | undefined {
  const section = shape.sections.get(SectionId.data)
  const [memory] = shape.memories
  if (!section) return []
  if (!memory) return undefined
  const reader = new Reader(bytes, section.start, section.end)
  const pieces: Piece[] = []
  for (let left = reader.u32(); left > 0; left--) {
    const piece = readPiece(reader)
    if (!piece) return undefined
    if (piece === 'passive') continue
    if (piece.offset + piece.bytes.length > memory.minimum * PAGE_BYTES)
      throw refuseModule('a data segment lies outside its memory')
    pieces.push(piece)
  }
  return runsOfPieces(pieces)
}

function runsOfPieces(pieces: readonly Piece[]): Run[] {
  const blocks = new Set<number>()
  for (const { offset, bytes } of pieces)
    for (let at = Math.floor(offset / RUN_BLOCK); at * RUN_BLOCK < offset + bytes.length; at++) blocks.add(at)
  const numbers = [...blocks].sort((a, b) => a - b)
  const runs: Run[] = []
  for (let from = 0, to = 0; from < numbers.length; from = to) {
    const first = numbers[from] as number
    while (to < numbers.length && numbers[to] === first + to - from) to++
    runs.push({ offset: first * RUN_BLOCK, bytes: new Uint8Array((to - from) * RUN_BLOCK) })
  }
  for (const piece of pieces) fill(runs, piece)
  return runs
}

/** Every piece lies within one run: its blocks are neighbours. */
function fill(runs: readonly Run[], { offset, bytes }: Piece): void {
  const run = runs.find((each) => each.offset <= offset && offset < each.offset + each.bytes.length)
  if (bytes.length > 0) run?.bytes.set(bytes, offset - run.offset)
}
