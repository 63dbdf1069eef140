/** A module and its rewritten form in, what both do out: they must do the same, where the rewritten one ends by itself. */
import type { ModuleDescription, ValueType } from '../../src/loader/describe.ts'
import { buildModule, instantiate } from '../loader-modules.ts'

/** Fuel of all calls together, of which 64 bytes moved at once cost one unit too. */
const FUEL = 100_000n
/** Above these sizes a module is only validated: what it declares is address space, what is compared is read. */
const MOST_PAGES = 16
const MOST_SLOTS = 1_000
const MOST_CALLS = 12
const COMPARED_BYTES = 2 ** 20

/** What calls of a module left behind. */
type Behaviour = { ends: string[]; memory: string; globals: string[] }

const killer = (): WebAssembly.ExportValue =>
  instantiate(buildModule({ functions: [{ name: 'kill', code: [0x00] }] })).kill as WebAssembly.ExportValue
let kill: WebAssembly.ExportValue | undefined

const IMPORTED: Readonly<Record<ValueType, unknown>> = {
  i32: 3,
  i64: 7n,
  f32: 0.5,
  f64: 1.5,
  v128: undefined,
  funcref: null,
  externref: null,
  exnref: undefined,
}
const ARGUMENTS: Readonly<Record<ValueType, readonly unknown[]>> = {
  i32: [5, -1],
  i64: [2n, -(2n ** 63n)],
  f32: [0.5, -0],
  f64: [Number.POSITIVE_INFINITY, 1.5],
  v128: [0, 0],
  funcref: [null, null],
  externref: [null, 'x'],
  exnref: [0, 0],
}

/** Whether both can be run here: nothing but functions is imported, and nothing is huge. */
function canRun({ otherImports, memory, tables, functionImports }: ModuleDescription): boolean {
  const isSmall = (memory?.minimum ?? 0) <= MOST_PAGES && tables.every(({ minimum }) => minimum <= MOST_SLOTS)
  const crosses = functionImports.every(({ results, params }) =>
    [...results, ...params].every((type) => type !== 'v128' && type !== 'exnref'),
  )
  return otherImports.length === 0 && isSmall && crosses
}

function importsOf({ functionImports }: ModuleDescription): WebAssembly.Imports {
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {}
  for (const { module, name, results } of functionImports) {
    const values = results.map((type) => IMPORTED[type])
    Object.defineProperty((imports[module] ??= {}), name, {
      value: () => (values.length > 1 ? values : values[0]),
      enumerable: true,
      configurable: true,
    })
  }
  return imports
}

/** The end of one call as text; a stack overflow comes at another depth in each, so nothing after it is compared. */
function callOf(act: () => unknown): string {
  try {
    return textOf(act())
  } catch (error) {
    if (error instanceof RangeError) return OVERFLOW
    if (error instanceof WebAssembly.RuntimeError) return `trap: ${error.message}`
    return error instanceof WebAssembly.Exception ? 'exception' : `error: ${(error as Error).name}`
  }
}
const OVERFLOW = 'stack overflow'

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(', ')
  if (Object.is(value, -0)) return '-0'
  return typeof value === 'function' ? 'function' : `${typeof value} ${String(value)}`
}

function behaviourOf(
  exports: WebAssembly.Exports,
  description: ModuleDescription,
  start: string | undefined,
): Behaviour {
  const ends: string[] = start === undefined ? [] : [start]
  const functions = description.exports.filter((each) => each.kind === 'function').slice(0, MOST_CALLS)
  for (const round of [0, 1]) {
    for (const { name, params } of functions) {
      const call = exports[name] as (...values: unknown[]) => unknown
      const end = callOf(() => call(...params.map((type) => ARGUMENTS[type][round])))
      ends.push(`${name}: ${end}`)
      if (end === OVERFLOW) return { ends, memory: '', globals: [] }
    }
  }
  const memory = description.exports.find(({ kind }) => kind === 'memory')
  const globals = description.exports.filter(({ kind }) => kind === 'global')
  return {
    ends,
    memory: memory ? hashOf(exports[memory.name] as WebAssembly.Memory) : '',
    // A global of a vector cannot be read from JavaScript.
    globals: globals.map(({ name }) => callOf(() => (exports[name] as WebAssembly.Global).value)),
  }
}

function hashOf({ buffer }: WebAssembly.Memory): string {
  const words = new Int32Array(buffer, 0, Math.min(buffer.byteLength, COMPARED_BYTES) / 4)
  let hash = 7
  for (let at = 0; at < words.length; at++) if (words[at] !== 0) hash = (Math.imul(hash, 31) + words[at]! + at) | 0
  return `${buffer.byteLength} ${hash}`
}

/**
 * Runs both, the rewritten one first.
 * @returns what happened: `not run`, `endless` (only the rewritten one ran), `ends`, `traps`
 * @throws Error when they behave differently
 */
export function compareBehaviour(
  original: Uint8Array<ArrayBuffer>,
  rewritten: Uint8Array<ArrayBuffer>,
  description: ModuleDescription,
): string {
  if (!canRun(description)) return 'not run'
  const imports = importsOf(description)
  let exports: WebAssembly.Exports
  try {
    exports = instantiate(rewritten, imports)
  } catch (error) {
    return `not instantiated: ${(error as Error).name}`
  }
  const fuel = exports.__fuel as WebAssembly.Global<'i64'>
  kill ??= killer()
  ;(exports.__callout as WebAssembly.Table).set(0, kill)
  fuel.value = FUEL
  const started = description.start ? callOf(exports.__start as () => unknown) : undefined
  if (started !== undefined && started !== 'undefined undefined') return 'start traps'
  const found = behaviourOf(exports, description, started)
  if (fuel.value < 0n) return 'endless'
  const expected = behaviourOf(instantiate(original, imports), description, started)
  if (found.ends.at(-1)?.endsWith(OVERFLOW) || expected.ends.at(-1)?.endsWith(OVERFLOW)) return OVERFLOW
  const [one, other] = [expected, found].map((behaviour) => JSON.stringify(behaviour))
  if (one !== other) throw new Error(`it behaves otherwise after rewriting: ${one} is now ${other}`)
  return found.ends.some((end) => end.includes('trap')) ? 'traps' : 'ends'
}
