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
  /**
   * The host's function answers `PENDING` where it has to wait, and the guest is suspended until it has its answer: an
   * import that seldom waits costs nothing for it. One i32 is its result.
   */
  mayWait?: boolean
  /**
   * No function of the host is behind it: the guest gets this number, or null for a reference. `told`: the host hears
   * the import's position first. `fatal`: the guest dies.
   */
  constant?: { value: number; told: boolean; fatal: boolean }
}

/** What the host's function of a `mayWait` import answers when it has to wait: no errno and no length. */
export const PENDING = -(2 ** 31)

const VERDICT_SUSPEND = 2

/** Types of the border's own imports, by their index in its type section. */
const Type = { count: 0, ask: 1, plain: 2, tell: 3, firstImport: 4 } as const
/** Functions of the border, by index: imports first. */
const Func = { callout: 0, suspend: 1, wait: 2, tell: 3, firstImport: 4 } as const
const DEAD = 0
/** The border's own table of one slot, in which the counter stands: no guest can reach it. */
const COUNTER = 0

function checkImports(imports: readonly BorderImport[]): void {
  const seen = new Set<string>()
  for (const { module, name, params, results, constant, mayWait } of imports) {
    for (const type of constant ? [] : [...params, ...results]) {
      if (type === 'v128' || isReference(type))
        throw refuseModule(`the import ${module}.${name} passes a ${type} to the host`)
    }
    if (mayWait && (constant || results.join() !== 'i32'))
      throw refuseModule(`the import ${module}.${name} may wait, and its result is no single i32`)
    if (constant && results.length > 1) throw refuseModule(`the import ${module}.${name} has several results`)
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

/** A number as a constant of a type; a reference is null. */
function pushConstant(code: Writer, type: ValueType, value: number): void {
  if (type === 'i32') code.byte(Op.i32Const).s32(value)
  else if (isReference(type)) code.byte(Op.refNull).byte(TYPE_CODES[type])
  else throw refuseModule(`an import cannot answer a constant ${type}`)
}

/** No host function is called with what the guest gave: at most the import's position is told. */
function answerConstant(code: Writer, { constant, results }: BorderImport, index: number): void {
  if (!constant) return
  if (constant.told) {
    code.byte(Op.i32Const).s32(index)
    callCatching(code, Func.tell, Type.tell)
  }
  if (constant.fatal) die(code, Death.killed)
  else for (const type of results) pushConstant(code, type, constant.value)
}

/** The answer of a function that had to wait comes from the one import that suspends. */
function waitIfPending(code: Writer, local: number): void {
  code.byte(Op.localTee).u32(local)
  code.byte(Op.localGet).u32(local).byte(Op.i32Const).s32(PENDING).byte(Op.i32Eq)
  code.byte(Op.if).s32(Type.count)
  code.byte(Op.drop)
  callCatching(code, Func.wait, Type.ask)
  code.byte(Op.end)
}

/** One wrapper: dead? count; call; dead? The results lie on the stack meanwhile. */
function wrapperBody(entry: BorderImport, index: number, hosted: number): Writer {
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
  if (entry.constant) answerConstant(code, entry, index)
  else {
    entry.params.forEach((_, at) => code.byte(Op.localGet).u32(at))
    callCatching(code, Func.firstImport + hosted, Type.firstImport + index)
    if (entry.mayWait) waitIfPending(code, counted)
  }
  if (!entry.constant?.fatal) trapIfDead(code)
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
  body.raw([0x60, 1, TYPE_CODES.i32, 0])
  for (const { params, results } of imports) {
    body.byte(0x60)
    for (const types of [params, results]) body.u32(types.length).raw(types.map((type) => TYPE_CODES[type]))
  }
  return body
}

function importSection(imports: readonly BorderImport[]): Writer {
  const hosted = imports.filter(({ constant }) => !constant).length
  const body = new Writer().u32(Func.firstImport + hosted + 1)
  const own = (name: string, type: number) => body.name('border').name(name).byte(ExternKind.function).u32(type)
  own('callout', Type.ask)
  own('suspend', Type.plain)
  own('wait', Type.ask)
  own('tell', Type.tell)
  imports.forEach(({ module, name, constant }, index) => {
    if (constant) return
    body
      .name(`host:${module}`)
      .name(name)
      .byte(ExternKind.function)
      .u32(Type.firstImport + index)
  })
  return body.name('border').name('dead').byte(ExternKind.global).byte(TYPE_CODES.i32).byte(1)
}

/**
 * The border's binary. Imports `border.{dead,callout,suspend,wait,tell}` and `host:<module>.<name>`; exports the wrappers as
 * `i<position>`, `callout`, and the table `counter`, whose one slot holds the CVM's counter: a guest that finds it empty
 * traps.
 */
export function encodeBorder(imports: readonly BorderImport[]): Uint8Array<ArrayBuffer> {
  checkImports(imports)
  const first = Func.firstImport + imports.filter(({ constant }) => !constant).length
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
  let hosted = 0
  imports.forEach((entry, index) => {
    functions.u32(Type.firstImport + index)
    exports
      .name(`i${index}`)
      .byte(ExternKind.function)
      .u32(first + 1 + index)
    code.sized(wrapperBody(entry, index, hosted))
    if (!entry.constant) hosted++
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
