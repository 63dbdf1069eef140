/** Small wasm modules for the loader's tests, built with the loader's own writer. */
import { TYPE_CODES, type ValueType } from '../src/loader/opcodes.ts'
import { PREAMBLE, Writer } from '../src/loader/writer.ts'

type Signature = { params?: readonly ValueType[]; results?: readonly ValueType[] }
type Limits = { minimum: number; maximum?: number }

export type ModuleParts = {
  imports?: (Signature & { module: string; name: string })[]
  /** `code` without the final `end`. */
  functions?: (Signature & { name?: string; locals?: readonly ValueType[]; code: readonly number[] })[]
  memory?: Limits & { name?: string }
  tables?: (Limits & { name?: string; element?: ValueType })[]
  /** `value` is a constant expression without its `end`. */
  globals?: { name?: string; type: ValueType; mutable?: boolean; value: readonly number[] }[]
  /** Tags of exceptions. */
  tags?: readonly Signature[]
  start?: number
  /** Function indices put into table 0 at slot 0. */
  elements?: readonly number[]
  /** Function indices of a passive segment, which comes after those. */
  passiveElements?: readonly number[]
  /** Active at `offset`, passive without one. */
  data?: { offset?: number; bytes: readonly number[] | Uint8Array }[]
  dataCount?: boolean
}

const EXPORT_KIND = { function: 0, table: 1, memory: 2, global: 3 } as const

function vector(items: readonly (readonly number[] | Writer)[]): Writer {
  const body = new Writer().u32(items.length)
  for (const item of items) body.raw(item instanceof Writer ? item.view() : item)
  return body
}

function limits({ minimum, maximum }: Limits): Writer {
  const out = new Writer().byte(maximum === undefined ? 0 : 1).u32(minimum)
  return maximum === undefined ? out : out.u32(maximum)
}

function signature({ params = [], results = [] }: Signature): Writer {
  const codes = (types: readonly ValueType[]) => types.map((type) => TYPE_CODES[type])
  return new Writer().byte(0x60).u32(params.length).raw(codes(params)).u32(results.length).raw(codes(results))
}

function body({ locals = [], code }: { locals?: readonly ValueType[]; code: readonly number[] }): Writer {
  const starts = locals.flatMap((type, at) => (type === locals[at - 1] ? [] : [at]))
  const out = new Writer().u32(starts.length)
  starts.forEach((start, at) =>
    out.u32((starts[at + 1] ?? locals.length) - start).byte(TYPE_CODES[locals[start] as ValueType]),
  )
  return new Writer().sized(out.raw(code).byte(0x0b))
}

function exportsOf(parts: ModuleParts): Writer[] {
  const { imports = [], functions = [], memory, tables = [], globals = [] } = parts
  const named = (name: string | undefined, kind: number, index: number) =>
    name === undefined ? [] : [new Writer().name(name).byte(kind).u32(index)]
  return [
    ...functions.flatMap(({ name }, at) => named(name, EXPORT_KIND.function, imports.length + at)),
    ...tables.flatMap(({ name }, at) => named(name, EXPORT_KIND.table, at)),
    ...named(memory?.name, EXPORT_KIND.memory, 0),
    ...globals.flatMap(({ name }, at) => named(name, EXPORT_KIND.global, at)),
  ]
}

function elementsOf({ elements, passiveElements }: ModuleParts): Writer[] {
  const indices = (list: readonly number[]) => vector(list.map((at) => new Writer().u32(at))).view()
  return [
    ...(elements ? [new Writer().raw([0, 0x41, 0, 0x0b]).raw(indices(elements))] : []),
    ...(passiveElements ? [new Writer().raw([1, 0]).raw(indices(passiveElements))] : []),
  ]
}

function dataOf({ offset, bytes }: { offset?: number; bytes: readonly number[] | Uint8Array }): Writer {
  const out = new Writer()
  if (offset === undefined) out.byte(1)
  else out.byte(0).byte(0x41).s32(offset).byte(0x0b)
  return out.u32(bytes.length).raw(bytes)
}

/** The binary of a module; every function has a type of its own. */
export function buildModule(parts: ModuleParts): Uint8Array<ArrayBuffer> {
  const { imports = [], functions = [], memory, tables = [], globals = [], tags, start, data } = parts
  const out = new Writer().raw(PREAMBLE)
  out.section(1, vector([...imports, ...functions, ...(tags ?? [])].map(signature)))
  out.section(2, vector(imports.map(({ module, name }, at) => new Writer().name(module).name(name).byte(0).u32(at))))
  out.section(3, vector(functions.map((_, at) => new Writer().u32(imports.length + at))))
  out.section(
    4,
    vector(tables.map((table) => new Writer().byte(TYPE_CODES[table.element ?? 'funcref']).raw(limits(table).view()))),
  )
  if (memory) out.section(5, vector([limits(memory)]))
  const firstTag = imports.length + functions.length
  if (tags) out.section(13, vector(tags.map((_, at) => new Writer().byte(0).u32(firstTag + at))))
  out.section(6, vector(globals.map(({ type, mutable, value }) => [TYPE_CODES[type], mutable ? 1 : 0, ...value, 0x0b])))
  out.section(7, vector(exportsOf(parts)))
  if (start !== undefined) out.section(8, new Writer().u32(start))
  const segments = elementsOf(parts)
  if (segments.length > 0) out.section(9, vector(segments))
  if (data && parts.dataCount) out.section(12, new Writer().u32(data.length))
  out.section(10, vector(functions.map(body)))
  if (data) out.section(11, vector(data.map(dataOf)))
  return out.finish()
}

/** Signed LEB128 of a 32-bit constant, for `i32.const`. */
export function leb(value: number): number[] {
  return [...new Writer().s32(value).view()]
}

/** `(param i32) -> i32`: passes `param` loop heads and answers their number. The parameter must be above zero. */
export const COUNT_LOOPS = {
  params: ['i32'],
  results: ['i32'],
  locals: ['i32'],
  // loop; local 1 += 1; br_if 0 (local 0 -= 1); end; local 1
  code: [0x03, 0x40, 0x20, 1, 0x41, 1, 0x6a, 0x21, 1, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b, 0x20, 1],
} as const

/** `() -> ()`: loops for ever and swallows every exception on the way. */
export const SWALLOW_FOREVER = {
  // loop; try; loop; br 0; end; catch_all; end; br 0; end
  code: [0x03, 0x40, 0x06, 0x40, 0x03, 0x40, 0x0c, 0, 0x0b, 0x19, 0x0b, 0x0c, 0, 0x0b],
} as const

/** Instantiates and answers the exports. */
export function instantiate(bytes: Uint8Array<ArrayBuffer>, imports: WebAssembly.Imports = {}): WebAssembly.Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports
}
