/** The reader of wasm binaries refuses every integer that the format does not allow. */
import { describe, expect, it } from 'vitest'
import { TokaError } from '../../src/errors.ts'
import { Reader } from '../../src/loader/reader.ts'
import { Writer } from '../../src/loader/writer.ts'

const reader = (...bytes: number[]) => new Reader(new Uint8Array(bytes))

describe('the loader reads unsigned integers', () => {
  it('gives back what the writer wrote, up to 32 bits', () => {
    for (const value of [0, 1, 127, 128, 300, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
      expect(new Reader(new Writer().u32(value).finish()).u32()).toBe(value)
    }
  })

  it('takes the padded form that linkers write', () => {
    expect(reader(0x85, 0x80, 0x80, 0x80, 0x00).u32()).toBe(5)
  })

  it.each([
    ['bits beyond the 32nd', [0xff, 0xff, 0xff, 0xff, 0x1f]],
    ['a sixth byte', [0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
    ['an end in the middle', [0x80, 0x80]],
    ['nothing at all', []],
  ])('refuses %s', (_, bytes) => {
    expect(() => reader(...bytes).u32()).toThrow(TokaError)
  })
})

describe('the loader reads signed integers', () => {
  it.each([
    [32, [0x7f]],
    [32, [0xff, 0xff, 0xff, 0xff, 0x7f]],
    [32, [0x80, 0x80, 0x80, 0x80, 0x78]],
    [33, [0xff, 0xff, 0xff, 0xff, 0x0f]],
    [64, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f]],
  ] as const)('passes over a well-formed one of %i bits', (bits, bytes) => {
    const at = reader(...bytes)
    at.skipSigned(bits)
    expect(at.done).toBe(true)
  })

  it.each([
    [32, [0xff, 0xff, 0xff, 0xff, 0x0f]],
    [32, [0x80, 0x80, 0x80, 0x80, 0x08]],
    [33, [0x80, 0x80, 0x80, 0x80, 0x10]],
    [64, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]],
    [64, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
  ] as const)('refuses one whose last byte does not repeat the sign of %i bits', (bits, bytes) => {
    expect(() => reader(...bytes).skipSigned(bits)).toThrow(/longer than/)
  })
})

describe('the loader reads names and ranges', () => {
  it('refuses a name that is not UTF-8, and says where', () => {
    expect(() => reader(2, 0xc3, 0x28).name()).toThrow(/not UTF-8 \(offset 0x1\)/)
  })

  it('refuses a length that leaves the range, although the file goes on', () => {
    const bytes = new Uint8Array([5, 1, 2, 3, 4, 5, 6, 7])
    expect(() => new Reader(bytes, 0, 4).name()).toThrow(/ends too early/)
    expect(() => new Reader(bytes, 4, 9)).toThrow(/leaves the file/)
  })
})
