/** The allowlist of instructions is exactly what engines know of the features that the loader allows. */
import { describe, expect, it } from 'vitest'
import { describeModule } from '../../src/loader/describe.ts'
import { Immediate, MISC_SHAPES, SHAPES, SIMD_SHAPES } from '../../src/loader/opcodes.ts'
import { rewriteModule } from '../../src/loader/rewrite.ts'
import { Writer } from '../../src/loader/writer.ts'
import { buildModule } from '../loader-modules.ts'

/** Immediates that are valid for each shape, in a module with one of everything. */
const SAMPLES: Record<number, number[]> = {
  [Immediate.none]: [],
  [Immediate.index]: [0],
  [Immediate.indexPair]: [0, 0],
  [Immediate.memory]: [0, 0],
  [Immediate.memoryLane]: [0, 0, 0],
  [Immediate.bytes16]: new Array<number>(16).fill(0),
  [Immediate.lane]: [0],
}

/** A module with one instruction where the stack may be anything. */
function moduleWith(...code: number[]): Uint8Array<ArrayBuffer> {
  return buildModule({
    functions: [{ code: [0x00, ...code, 0x00] }],
    memory: { minimum: 1 },
    tables: [{ minimum: 1 }],
    elements: [0],
    data: [{ bytes: [1] }],
    dataCount: true,
  })
}

const accepts = (bytes: Uint8Array<ArrayBuffer>) => {
  try {
    rewriteModule(bytes)
    return true
  } catch {
    return false
  }
}

const second = (prefix: number, opcode: number, immediates: number[]) => [
  prefix,
  ...new Writer().u32(opcode).view(),
  ...immediates,
]

describe('the allowlist of instructions', () => {
  it('has every SIMD instruction that this engine has, with immediates of the right length', () => {
    for (let opcode = 0; opcode < 256; opcode++) {
      const shape = SIMD_SHAPES[opcode] as number
      const bytes = moduleWith(...second(0xfd, opcode, SAMPLES[shape] ?? []))
      expect([opcode, accepts(bytes)]).toEqual([opcode, WebAssembly.validate(bytes)])
      expect([opcode, shape !== Immediate.unknown]).toEqual([opcode, WebAssembly.validate(bytes)])
    }
  })

  it('has every bulk and saturating instruction', () => {
    for (let opcode = 0; opcode < MISC_SHAPES.length; opcode++) {
      const bytes = moduleWith(...second(0xfc, opcode, SAMPLES[MISC_SHAPES[opcode] as number] ?? []))
      expect([opcode, accepts(bytes), WebAssembly.validate(bytes)]).toEqual([opcode, true, true])
    }
  })

  it('has every numeric, memory and reference instruction of one byte', () => {
    for (let opcode = 0x28; opcode <= 0xd2; opcode++) {
      const sample = SAMPLES[SHAPES[opcode] as number]
      if (!sample) continue
      const bytes = moduleWith(opcode, ...sample)
      expect([opcode, accepts(bytes)]).toEqual([opcode, WebAssembly.validate(bytes)])
    }
  })

  it.each([
    ['an atomic', [0xfe, 0x00, 2, 0], /opcode 0xfe 0x0 \(threads\) is not allowed \(offset 0x[0-9a-f]+\)/],
    ['a relaxed SIMD', [0xfd, 0x80, 0x02], /opcode 0xfd 0x100 \(relaxed SIMD\)/],
    ['a garbage collection', [0xfb, 0x00, 0], /opcode 0xfb 0x0 \(garbage collection\)/],
    ['a typed call', [0x14, 0], /opcode 0x14 \(typed function references\)/],
    ['a stack switching', [0xe0, 0], /stack switching/],
    ['an unassigned', [0x27], /opcode 0x27 is unknown/],
    ['a second memory in an', [0x28, 0x42, 1, 0], /several memories/],
  ])('refuses %s instruction by name', (_, code, message) => {
    expect(() => rewriteModule(moduleWith(...code))).toThrow(expect.objectContaining({ code: 'TOKA_ENGINE_LOAD' }))
    expect(() => rewriteModule(moduleWith(...code))).toThrow(message)
  })
})

describe('declarations beyond what the loader allows', () => {
  const section = (id: number, ...body: number[]) =>
    new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, id, body.length, ...body])

  it.each([
    ['a shared memory', section(5, 1, 3, 1, 1), /threads: a shared memory/],
    ['a 64-bit memory', section(5, 1, 4, 1), /memory64/],
    ['two memories', section(5, 2, 0, 1, 0, 1), /several memories/],
    ['a structure type', section(1, 1, 0x5f, 0), /garbage collection/],
    ['a typed reference', section(4, 1, 0x63, 0, 0, 1), /garbage collection/],
    ['a page size of its own', section(5, 1, 8, 1, 0), /custom page sizes/],
    ['an unknown section', section(14, 0), /section 14 is unknown/],
    ['a component', new Uint8Array([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]), /no core module/],
    ['sections out of order', new Uint8Array([...section(5, 1, 0, 1), 1, 1, 0]), /section 1 is out of order/],
    ['bytes after a section', section(1, 0, 0), /longer than its items/],
  ])('refuses %s by name', (_, bytes, message) => {
    expect(() => describeModule(bytes)).toThrow(message)
  })
})
