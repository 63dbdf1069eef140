/**
 * CPython's trampoline: calls a C function that takes fewer arguments than it is called with, from WebAssembly to WebAssembly.
 *
 * CPython calls it at `_PyRuntime` + `_PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET` as (success*, function, a, b, c) -> result, and
 * by way of JavaScript where it is missing, which no suspension can cross (Python/emscripten_trampoline.c, 3.14).
 */
import { EMPTY_BLOCK, Op } from '../../src/loader/opcodes.ts'
import { ExternKind, SectionId } from '../../src/loader/sections.ts'
import { PREAMBLE, Writer } from '../../src/loader/writer.ts'

const I32 = 0x7f
const FUNCREF = 0x70
/** The form of a function type. */
const FUNCTION = 0x60
/** Instructions of the garbage collection proposal, and the typed call (core specification 3.0, 5.4). */
const PREFIX_REFERENCE = 0xfb
const REF_TEST = 0x14
const REF_CAST = 0x16
const CALL_REF = 0x14
const TABLE_GET = 0x25
const I32_STORE = 0x36

/** Arguments of the four C signatures; a type's index is its place. The last type is the trampoline's own. */
const ARITIES = [3, 2, 1, 0] as const
const OWN_TYPE = ARITIES.length
const PARAMS = 5
/** Parameters, and the local that holds the function. */
const SUCCESS = 0
const INDEX = 1
const FIRST_ARGUMENT = 2
const FOUND = PARAMS

function storeSuccess(code: Writer, value: number): void {
  code.byte(Op.localGet).u32(SUCCESS).byte(Op.i32Const).s32(value).byte(I32_STORE).u32(2).u32(0)
}

function body(): Writer {
  const code = new Writer(128).u32(1).u32(1).byte(FUNCREF)
  storeSuccess(code, 1)
  code.byte(Op.localGet).u32(INDEX).byte(TABLE_GET).u32(0).byte(Op.localSet).u32(FOUND)
  ARITIES.forEach((arity, type) => {
    code.byte(Op.localGet).u32(FOUND).byte(PREFIX_REFERENCE).u32(REF_TEST).s32(type)
    code.byte(Op.if).byte(EMPTY_BLOCK)
    for (let at = 0; at < arity; at++) code.byte(Op.localGet).u32(FIRST_ARGUMENT + at)
    code.byte(Op.localGet).u32(FOUND).byte(PREFIX_REFERENCE).u32(REF_CAST).s32(type)
    code.byte(CALL_REF).u32(type).byte(Op.return).byte(Op.end)
  })
  storeSuccess(code, 0)
  return code.byte(Op.i32Const).s32(0).byte(Op.end)
}

/** The module: imports `env.memory` and `env.table`, exports `call`. */
export function encodeTrampoline(): Uint8Array<ArrayBuffer> {
  const types = new Writer().u32(ARITIES.length + 1)
  for (const arity of [...ARITIES, PARAMS]) {
    types.byte(FUNCTION).u32(arity).raw(Array<number>(arity).fill(I32))
    types.u32(1).byte(I32)
  }
  const imports = new Writer().u32(2)
  imports.name('env').name('memory').byte(ExternKind.memory).byte(0).u32(1)
  imports.name('env').name('table').byte(ExternKind.table).byte(FUNCREF).byte(0).u32(1)
  return new Writer()
    .raw(PREAMBLE)
    .section(SectionId.type, types)
    .section(SectionId.import, imports)
    .section(SectionId.function, new Writer().u32(1).u32(OWN_TYPE))
    .section(SectionId.export, new Writer().u32(1).name('call').byte(ExternKind.function).u32(0))
    .section(SectionId.code, new Writer().u32(1).sized(body()))
    .finish()
}
