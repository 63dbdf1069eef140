/** A pool of constants of every kind, for tests that write programs by hand. */
import { compareBytes } from '../capabilities/assembler.ts'
import { buildDfa, packDfa } from '../capabilities/dfa.ts'
import { parseGlob } from '../capabilities/glob.ts'

const encoder = new TextEncoder()

export type PoolOffsets = {
  bytes: Uint8Array
  automata: number[]
  blobs: number[]
  blobSets: number[]
  integers: number[]
  integerSets: number[]
  times: number[]
  rates: number[]
  networks4: number[]
  networks6: number[]
}

/** The offsets are 8-aligned, so that a byte of an operand often names another constant. */
export function buildPool(cells: number): PoolOffsets {
  const chunks: Uint8Array[] = []
  let size = 0
  const put = (bytes: Uint8Array): number => {
    const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8)
    padded.set(bytes)
    chunks.push(padded)
    size += padded.length
    return size - padded.length
  }
  const numbers = (...values: number[]): number => put(new Uint8Array(new BigInt64Array(values.map(BigInt)).buffer))
  const blob = (text: string): number => {
    const bytes = encoder.encode(text)
    return put(Uint8Array.of(bytes.length, 0, 0, 0, ...bytes))
  }
  const blobSet = (...texts: string[]): number => {
    const items = texts.map((text) => encoder.encode(text)).sort(compareBytes)
    const words = new Uint32Array(2 + items.length * 2)
    words[0] = items.length
    items.forEach((item, index) => words.set([put(item), item.length], 2 + index * 2))
    return put(new Uint8Array(words.buffer))
  }
  const integers = [numbers(0), numbers(3), numbers(7)]
  const times = [numbers(0), numbers(4_000), numbers(8_000), numbers(100_000)]
  const rates = Array.from({ length: cells }, (_, cell) => numbers(cell, 3_000, cell * 2_000))
  const automata = ['/**', '/a/**', '/*', '/[ab]b', '/{a,bb}'].map((glob) => put(packDfa(buildDfa([parseGlob(glob)])!)))
  const made = {
    automata,
    integers,
    times,
    rates,
    blobs: [blob(''), blob('a'), blob('/a'), blob('ab')],
    blobSets: [blobSet(), blobSet('a', 'b', '/'), blobSet('', '/a', '/b', 'aa', 'ab')],
    integerSets: [numbers(0), numbers(3, -1, 2, 5), numbers(1, 7)],
    networks4: [
      put(Uint8Array.of(97, 0, 0, 0, 255, 0, 0, 0)),
      put(new Uint8Array(8)),
      put(Uint8Array.of(97, 98, 0, 0, 255, 255, 0, 0)),
    ],
    networks6: [put(new Uint8Array(32)), put(Uint8Array.of(97, ...new Uint8Array(15), 255, ...new Uint8Array(15)))],
  }
  const bytes = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return { bytes, ...made }
}
