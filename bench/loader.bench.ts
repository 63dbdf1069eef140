/** The loader's rows: what metering costs, how far a hostile module overshoots its deadline, and what rewriting takes. */
import { readAsset } from '#source'
import { describeModule } from '../src/loader/describe.ts'
import { type RewriteOptions, rewriteModule } from '../src/loader/rewrite.ts'
import { buildModule, leb, type ModuleParts } from '../test/loader-modules.ts'
import { STRANGER, stranger, StrangerRig } from '../test/stranger-rig.ts'
import { compare, type Measure, measure } from './measure.ts'

/** Units between two callouts, each of which reads the clock: what an engine would do. */
const SLICES = { heads: 20_000n, instructions: 200_000n }

const MODES: Readonly<Record<string, RewriteOptions | undefined>> = {
  'no fuel': undefined,
  'pinned: fuel at loop heads': { fuel: true },
  'pinned, exact metering': { fuel: true, metering: 'exact' },
  'stranger, fast metering': STRANGER,
  'stranger, exact metering': { ...STRANGER, metering: 'exact' },
}

const PROGRAMS = {
  loop: 'let s = 0; for (let i = 0; i < 200000; i++) s = (s * 31 + i) | 0',
  calls: 'function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2) } f(21)',
  sort: 'let a = [], x = 1; for (let i = 0; i < 5000; i++) a.push(x = (x * 1103515245 + 12345) & 0x7fffffff); a.sort((p, q) => p - q)',
  json: 'let o = {}; for (let i = 0; i < 1000; i++) o["k" + i] = [i, "v" + i, { a: i }]; JSON.stringify(JSON.parse(JSON.stringify(o)))',
  regexp: 'let t = ""; for (let i = 0; i < 2000; i++) t += "ab" + i; t.replace(/b(\\d+)/g, "<$1>")',
}

type QuickJs = Record<string, (...args: unknown[]) => never> & {
  memory: WebAssembly.Memory
  __fuel?: WebAssembly.Global<'i64'>
  __stack?: WebAssembly.Global<'i32'>
  __callout?: WebAssembly.Table
}

/** A wasm function around one of JavaScript, as a table wants it. */
function wasmFunction(call: () => void): WebAssembly.ExportValue {
  const bytes = buildModule({ imports: [{ module: 'e', name: 'f' }], functions: [{ name: 'f', code: [0x10, 0] }] })
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), { e: { f: call } }).exports
    .f as WebAssembly.ExportValue
}

/** @returns what evaluates a source in QuickJS as it comes, without a sandbox around it */
function startQuickJs(original: Uint8Array<ArrayBuffer>, options: RewriteOptions | undefined) {
  const bytes = options ? rewriteModule(original, options).bytes : original
  const imports: Record<string, Record<string, () => unknown>> = {}
  for (const { module, name, results } of describeModule(original).functionImports) {
    const members = (imports[module] ??= {})
    members[name] = () => (results[0] === 'i64' ? 0n : 0)
  }
  const guest = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports as unknown as QuickJs
  const slice = options?.trust || options?.metering ? SLICES.instructions : SLICES.heads
  const extend = () => {
    performance.now()
    if (guest.__fuel) guest.__fuel.value = slice
  }
  guest.__callout?.set(0, wasmFunction(extend))
  const call = (name: string, ...args: unknown[]) => {
    if (guest.__stack) guest.__stack.value = 100_000
    return guest[name]?.(...args) as unknown
  }
  const text = (source: string) => {
    const encoded = new TextEncoder().encode(`${source}\0`)
    const pointer = call('malloc', encoded.length) as number
    new Uint8Array(guest.memory.buffer).set(encoded, pointer)
    return pointer
  }
  extend()
  call('_initialize')
  call('qjs_init')
  const context = call('qjs_get_context_ptr')
  const name = text('bench.js')
  return (source: string) => {
    const pointer = text(source)
    call('JS_Eval', context, pointer, new TextEncoder().encode(source).length, name, 0)
    call('free', pointer)
  }
}

const i32 = (value: number) => [0x41, ...leb(value)]
const forever = (...code: number[]) => [0x03, 0x40, ...code, 0x0c, 0, 0x0b]

/** A product of two matrices of 64-bit floats, 96 by 96, ten times: tight loops without calls. */
function matrixParts(): ModuleParts {
  const size = 96
  const [i, j, k, sum, round] = [0, 1, 2, 3, 4]
  const at = (base: number, row: number, column: number) => [
    ...i32(size),
    0x20,
    row,
    0x6c,
    0x20,
    column,
    0x6a,
    ...i32(8),
    0x6c,
    ...i32(base * size * size * 8),
    0x6a,
  ]
  const next = (local: number, limit: number) => [
    0x20,
    local,
    ...i32(1),
    0x6a,
    0x22,
    local,
    ...i32(limit),
    0x49,
    0x0d,
    0,
  ]
  const load = (base: number, row: number, column: number) => [...at(base, row, column), 0x2b, 3, 0]
  const inner = [...i32(0), 0x21, k, 0x03, 0x40, 0x20, sum, ...load(0, i, k), ...load(1, k, j), 0xa2, 0xa0, 0x21, sum]
  const column = [0x03, 0x40, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x21, sum, ...inner, ...next(k, size), 0x0b]
  const store = [...at(2, i, j), 0x20, sum, 0x39, 3, 0]
  const row = [0x03, 0x40, ...i32(0), 0x21, j, ...column, ...store, ...next(j, size), 0x0b]
  const code = [0x03, 0x40, ...i32(0), 0x21, i, ...row, ...next(i, size), 0x0b, ...next(round, 10), 0x0b]
  return {
    functions: [{ name: 'run', locals: ['i32', 'i32', 'i32', 'f64', 'i32'], code }],
    memory: { minimum: 4 },
  }
}

function matrixWays(): Record<string, () => unknown> {
  const original = buildModule(matrixParts())
  const plain = new WebAssembly.Instance(new WebAssembly.Module(original)).exports.run as () => void
  const ways: Record<string, () => unknown> = {}
  for (const [mode, options] of Object.entries(MODES)) {
    const rig = options && new StrangerRig(rewriteModule(original, options).bytes)
    ways[`matrix product, ${mode}`] = rig ? () => rig.call('run') : plain
  }
  return ways
}

/** What a hostile module does over and over, under a deadline of 50 ms. */
const HOSTILE: Readonly<Record<string, ModuleParts>> = {
  'an empty loop': { functions: [{ name: 'run', code: forever() }] },
  '`return_call` of itself': { functions: [{ name: 'run', code: [0x12, 0] }] },
  'a graph of 2^40 calls': {
    functions: Array.from({ length: 41 }, (_, at) => ({
      ...(at === 0 ? { name: 'run' } : {}),
      code: at === 40 ? [] : [0x10, at + 1, 0x10, at + 1],
    })),
  },
  'fills of 256 MB': {
    functions: [{ name: 'run', code: forever(...i32(0), ...i32(7), ...i32(2 ** 28), 0xfc, 11, 0) }],
    memory: { minimum: 4_096 },
  },
  'memory touched page by page': {
    functions: [
      {
        name: 'run',
        locals: ['i32'],
        code: forever(0x20, 0, ...i32(1), 0x3a, 0, 0, 0x20, 0, ...i32(4_096), 0x6a, ...i32(2 ** 28 - 1), 0x71, 0x21, 0),
      },
    ],
    memory: { minimum: 4_096 },
  },
  'fills of a table': {
    functions: [{ name: 'run', code: forever(...i32(0), 0xd2, 0, ...i32(100_000), 0xfc, 17, 0) }],
    tables: [{ minimum: 100_000 }],
    elements: [0],
  },
}
const DEADLINE_MS = 50

export async function* measures(): AsyncGenerator<Measure> {
  const bytes = await readAsset('quickjs')
  const guests = Object.entries(MODES).map(([mode, options]) => [mode, startQuickJs(bytes, options)] as const)
  for (const [program, source] of Object.entries(PROGRAMS)) {
    yield* compare(
      15,
      Object.fromEntries(guests.map(([mode, run]) => [`QuickJS ${program}, ${mode}`, () => run(`{ ${source} }`)])),
    )
  }
  yield* compare(15, matrixWays())
  for (const [name, parts] of Object.entries(HOSTILE)) {
    const overshoots: number[] = []
    for (let round = 0; round < 7; round++) {
      overshoots.push(stranger(parts).call('run', [], DEADLINE_MS).elapsedMs - DEADLINE_MS)
    }
    overshoots.sort((a, b) => a - b)
    const [lowest, median, highest] = [0, 3, 6].map((at) => overshoots[at] ?? 0) as [number, number, number]
    yield { name: `overshoot of 50 ms: ${name}`, unit: 'ms', median, lowest, highest, times: overshoots.length }
  }
  for (const [mode, options] of Object.entries(MODES)) {
    if (options) yield await measure(`rewriting QuickJS, ${mode}`, 'ms', 10, async () => rewriteModule(bytes, options))
  }
}
