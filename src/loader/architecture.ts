/** What differs between machines that run the same wasm: images and journals of one class replay bit for bit. */
import { Op, TYPE_CODES } from './opcodes.ts'
import { SectionId } from './sections.ts'
import { PREAMBLE, Writer } from './writer.ts'

const F64_DIV = 0xa3
const I64_REINTERPRET_F64 = 0xbd

/** A module whose export `divide` gives the bits of the quotient of two f64. */
function divideModule(): Uint8Array<ArrayBuffer> {
  const { i64, f64 } = TYPE_CODES
  const body = new Writer().byte(0).byte(Op.localGet).u32(0).byte(Op.localGet).u32(1)
  body.byte(F64_DIV).byte(I64_REINTERPRET_F64).byte(Op.end)
  return new Writer()
    .raw(PREAMBLE)
    .section(SectionId.type, new Writer().raw([1, 0x60, 2, f64, f64, 1, i64]))
    .section(SectionId.function, new Writer().raw([1, 0]))
    .section(SectionId.export, new Writer().u32(1).name('divide').byte(0).u32(0))
    .section(SectionId.code, new Writer().u32(1).sized(body))
    .finish()
}

let known: string | undefined

/**
 * The class of this machine. Of what the specification leaves open only the bits of a computed NaN are left (relaxed
 * SIMD is refused): x86 makes it negative, Arm positive.
 */
export function architectureClass(): string {
  if (known) return known
  const { divide } = new WebAssembly.Instance(new WebAssembly.Module(divideModule())).exports
  const bits = BigInt.asUintN(64, (divide as (a: number, b: number) => bigint)(0, 0))
  known = `nan-${bits.toString(16)}`
  return known
}
