/** A list of imports in, the wasm module out that wraps each of them with the count and the check for death. */
import { Death } from './guard.ts'
import { EMPTY_BLOCK, Op, TYPE_CODES, type ValueType, isReference } from './opcodes.ts'
import { refuseModule } from './reader.ts'
import { ExternKind, SectionId } from './sections.ts'
import { PREAMBLE, Writer } from './writer.ts'

/** One function that guests import, with the number under which the CVM counts it. */
export type BorderImport = {
  module: string
  name: string
  params: readonly ValueType[]
  results: readonly ValueType[]
  operation: number
  /** The host's function may answer a promise, and the guest is suspended until it settles. Needs JSPI. */
  suspends?: boolean
}

const VERDICT_SUSPEND = 2

/** Types of the border's own imports, by their index in its type section. */
const Type = { count: 0, ask: 1, plain: 2, firstImport: 3 } as const
/** Functions of the border, by index: imports first. */
const Func = { callout: 0, suspend: 1, firstImport: 2 } as const
const DEAD = 0
/** The border's own table of one slot, in which the counter stands: no guest can reach it. */
const COUNTER = 0

function checkImports(imports: readonly BorderImport[]): void {
  const seen = new Set<string>()
  for (const { module, name, params, results } of imports) {
    for (const type of [...params, ...results]) {
      if (type === 'v128' || isReference(type))
        throw refuseModule(`the import ${module}.${name} passes a ${type} to the host`)
    }
    const key = JSON.stringify([module, name])
    if (seen.has(key)) throw refuseModule(`${module}.${name} is imported twice`)
    seen.add(key)
  }
}

function trapIfDead(code: Writer): void {
  code.byte(Op.globalGet).u32(DEAD)
  code.byte(Op.if).byte(EMPTY_BLOCK).byte(Op.unreachable).byte(Op.end)
}

/** Sets `dead` unless it is set, and traps. */
function die(code: Writer, reason: number): void {
  code.byte(Op.globalGet).u32(DEAD).byte(Op.i32Eqz)
  code.byte(Op.if).byte(EMPTY_BLOCK)
  code.byte(Op.i32Const).s32(reason).byte(Op.globalSet).u32(DEAD)
  code.byte(Op.end).byte(Op.unreachable)
}

/**
 * `try` around a call: whatever is thrown in spite of the guards (a host stack that overflows before them) kills. The older exception instructions, because V8 before 13.7 (Node 22 and
 * 24) has no others and every engine has these.
 */
function callCatching(code: Writer, callee: number, type: number): void {
  code.byte(Op.try).s32(type)
  code.byte(Op.call).u32(callee)
  code.byte(Op.catchAll)
  die(code, Death.fault)
  code.byte(Op.end)
}

/** One wrapper: dead? count; call; dead? The results lie on the stack meanwhile. */
function wrapperBody(entry: BorderImport, index: number): Writer {
  const counted = entry.params.length
  const code = new Writer(64).u32(1).u32(1).byte(TYPE_CODES.i32)
  trapIfDead(code)
  code.byte(Op.i32Const).s32(entry.operation)
  code.byte(Op.i32Const).s32(COUNTER)
  code.byte(Op.callIndirect).u32(Type.count).u32(0)
  code.byte(Op.localTee).u32(counted)
  code.byte(Op.if).byte(EMPTY_BLOCK)
  code.byte(Op.localGet).u32(counted).byte(Op.globalSet).u32(DEAD)
  code.byte(Op.unreachable).byte(Op.end)
  // The parameters go in as parameters of the block, which a block type with an index allows.
  entry.params.forEach((_, at) => code.byte(Op.localGet).u32(at))
  callCatching(code, Func.firstImport + index, Type.firstImport + index)
  trapIfDead(code)
  return code.byte(Op.end)
}

/** The callout: asks, waits when told to, dies of every answer but extend and suspend. */
function calloutBody(): Writer {
  const code = new Writer(96).u32(1).u32(1).byte(TYPE_CODES.i32)
  trapIfDead(code)
  callCatching(code, Func.callout, Type.ask)
  code.byte(Op.localTee).u32(0)
  code.byte(Op.if).byte(EMPTY_BLOCK)
  code.byte(Op.localGet).u32(0).byte(Op.i32Const).s32(VERDICT_SUSPEND).byte(Op.i32Eq)
  code.byte(Op.if).byte(EMPTY_BLOCK)
  callCatching(code, Func.suspend, Type.plain)
  code.byte(Op.else)
  die(code, Death.killed)
  code.byte(Op.end).byte(Op.end)
  trapIfDead(code)
  return code.byte(Op.end)
}

function typeSection(imports: readonly BorderImport[]): Writer {
  const body = new Writer().u32(Type.firstImport + imports.length)
  body.raw([0x60, 1, TYPE_CODES.i32, 1, TYPE_CODES.i32])
  body.raw([0x60, 0, 1, TYPE_CODES.i32])
  body.raw([0x60, 0, 0])
  for (const { params, results } of imports) {
    body.byte(0x60)
    for (const types of [params, results]) body.u32(types.length).raw(types.map((type) => TYPE_CODES[type]))
  }
  return body
}

function importSection(imports: readonly BorderImport[]): Writer {
  const body = new Writer().u32(Func.firstImport + imports.length + 1)
  const own = (name: string, type: number) => body.name('border').name(name).byte(ExternKind.function).u32(type)
  own('callout', Type.ask)
  own('suspend', Type.plain)
  imports.forEach(({ module, name }, index) => {
    body
      .name(`host:${module}`)
      .name(name)
      .byte(ExternKind.function)
      .u32(Type.firstImport + index)
  })
  return body.name('border').name('dead').byte(ExternKind.global).byte(TYPE_CODES.i32).byte(1)
}

/**
 * The border's binary. Imports `border.{dead,callout,suspend}` and `host:<module>.<name>`; exports the wrappers as
 * `i<position>`, `callout`, and the table `counter`, whose one slot holds the CVM's counter: a guest that finds it empty
 * traps.
 */
export function encodeBorder(imports: readonly BorderImport[]): Uint8Array<ArrayBuffer> {
  checkImports(imports)
  const first = Func.firstImport + imports.length
  const functions = new Writer().u32(imports.length + 1).u32(Type.plain)
  const exports = new Writer()
    .u32(imports.length + 2)
    .name('callout')
    .byte(ExternKind.function)
    .u32(first)
    .name('counter')
    .byte(ExternKind.table)
    .u32(0)
  const code = new Writer().u32(imports.length + 1).sized(calloutBody())
  imports.forEach((entry, index) => {
    functions.u32(Type.firstImport + index)
    exports
      .name(`i${index}`)
      .byte(ExternKind.function)
      .u32(first + 1 + index)
    code.sized(wrapperBody(entry, index))
  })
  return new Writer()
    .raw(PREAMBLE)
    .section(SectionId.type, typeSection(imports))
    .section(SectionId.import, importSection(imports))
    .section(SectionId.function, functions)
    .section(SectionId.table, new Writer().raw([1, TYPE_CODES.funcref, 1, 1, 1]))
    .section(SectionId.export, exports)
    .section(SectionId.code, code)
    .finish()
}
