/** Random wasm programs that always end, for the loader's properties. */
import fc from 'fast-check'
import { buildModule, leb } from './loader-modules.ts'

/** Locals: 0 the argument, 1 and 2 values, 3 and above the counters of loops. */
const COUNTERS = 3
export const MAX_DEPTH = 4
const LOCALS = new Array<'i32'>(2 + MAX_DEPTH + 1).fill('i32')
/** Global 0 counts the loop heads that the original itself passes, global 1 its calls. */
const COUNT_HEAD = [0x23, 0, 0x41, 1, 0x6a, 0x24, 0]
const COUNT_CALL = [0x23, 1, 0x41, 1, 0x6a, 0x24, 1]

export type Node =
  | { kind: 'mix'; op: number; from: number; to: number; constant: number }
  | { kind: 'store' | 'load'; at: number }
  | { kind: 'loop'; rounds: number; body: Node[] }
  | { kind: 'if'; then: Node[]; otherwise: Node[] }
  | { kind: 'block'; body: Node[] }
  | { kind: 'try'; body: Node[]; caught: Node[] }
  | { kind: 'call' | 'throw' }

/** i32 operators that never trap: add, sub, mul, and, or, xor, shl, shr_u, rotl, lt_s, eq. */
const OPERATORS = [0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x74, 0x76, 0x77, 0x48, 0x46]

const local = fc.integer({ min: 0, max: 2 })
const leaf: fc.Arbitrary<Node> = fc.oneof(
  fc.record({
    kind: fc.constant('mix' as const),
    op: fc.constantFrom(...OPERATORS),
    from: local,
    to: local,
    constant: fc.integer(),
  }),
  fc.record({ kind: fc.constantFrom('store' as const, 'load' as const), at: fc.integer({ min: 0, max: 60_000 }) }),
  fc.constant({ kind: 'call' } as const),
)
const throwing: fc.Arbitrary<Node> = fc.oneof(leaf, fc.constant({ kind: 'throw' } as const))

/** Programs of at most so many blocks in one another. */
export function nodes(depth: number, throws = true): fc.Arbitrary<Node[]> {
  const simple = throws ? throwing : leaf
  if (depth === 0) return fc.array(simple, { maxLength: 3 })
  const inner = nodes(depth - 1, throws)
  const node: fc.Arbitrary<Node> = fc.oneof(
    simple,
    fc.record({ kind: fc.constant('loop' as const), rounds: fc.integer({ min: 1, max: 3 }), body: inner }),
    fc.record({ kind: fc.constant('if' as const), then: inner, otherwise: inner }),
    fc.record({ kind: fc.constant('block' as const), body: inner }),
    fc.record({ kind: fc.constant('try' as const), body: inner, caught: inner }),
  )
  return fc.array(node, { maxLength: 4 })
}

/** Code of a node; `depth` picks the loop's counter. */
function encode(node: Node, depth: number): number[] {
  const all = (list: Node[], below = depth) => list.flatMap((inner) => encode(inner, below))
  switch (node.kind) {
    case 'mix':
      return [0x20, node.from, 0x41, ...leb(node.constant), node.op, 0x20, node.to, 0x6a, 0x21, node.to]
    case 'store':
      return [0x41, ...leb(node.at), 0x20, 1, 0x36, 2, 4]
    case 'load':
      return [0x41, ...leb(node.at), 0x28, 2, 0, 0x20, 2, 0x73, 0x21, 2]
    case 'loop': {
      const counter = COUNTERS + depth
      const again = [0x20, counter, 0x41, 1, 0x6b, 0x22, counter, 0x0d, 0]
      const start = [0x41, ...leb(node.rounds), 0x21, counter]
      return [...start, 0x03, 0x40, ...COUNT_HEAD, ...all(node.body, depth + 1), ...again, 0x0b]
    }
    case 'if':
      return [0x20, 1, 0x41, 1, 0x71, 0x04, 0x40, ...all(node.then), 0x05, ...all(node.otherwise), 0x0b]
    case 'block':
      return [0x02, 0x40, ...all(node.body), 0x20, 2, 0x0d, 0, ...all(node.body.slice(1)), 0x0b]
    case 'try':
      return [0x06, 0x40, ...all(node.body), 0x19, ...all(node.caught), 0x0b]
    case 'call':
      return [...COUNT_CALL, 0x20, 1, 0x10, 0, 0x21, 1]
    case 'throw':
      // Thrown by another function where a value is even, to whoever catches it.
      return [...COUNT_CALL, 0x20, 1, 0x10, 2]
  }
}

/**
 * The module of a program: `run` (i32) -> i32, a memory of one page, `heads` and `calls`, which count
 * what is passed of them. Programs always end, some by an exception.
 */
export function program(body: Node[]): Uint8Array<ArrayBuffer> {
  const code = [...body.flatMap((node) => encode(node, 0)), 0x20, 1, 0x20, 2, 0x6a]
  const halve = [0x03, 0x7f, ...COUNT_HEAD, 0x20, 0, 0x41, 1, 0x76, 0x22, 0, 0x20, 0, 0x41, 12, 0x4b, 0x0d, 0, 0x0b]
  return buildModule({
    functions: [
      // A loop with a result: halves its argument until it is small.
      { params: ['i32'], results: ['i32'], code: halve },
      { name: 'run', params: ['i32'], results: ['i32'], locals: LOCALS, code },
      { params: ['i32'], code: [0x20, 0, 0x41, 1, 0x71, 0x45, 0x04, 0x40, 0x08, 0, 0x0b] },
    ],
    tags: [{}],
    memory: { minimum: 1, name: 'memory' },
    globals: ['heads', 'calls'].map((name) => ({ name, type: 'i32', mutable: true, value: [0x41, 0] })),
  })
}

export type ProgramExports = {
  run(argument: number): number
  memory: WebAssembly.Memory
  heads: WebAssembly.Global<'i32'>
  calls: WebAssembly.Global<'i32'>
  __fuel: WebAssembly.Global<'i64'>
  __stack: WebAssembly.Global<'i32'>
}

/** Runs a program: its result, or that it threw, and all that it leaves behind. */
export function outcome(exports: ProgramExports, argument: number) {
  let result: number | string
  try {
    result = exports.run(argument)
  } catch (error) {
    result = error instanceof WebAssembly.Exception ? 'thrown' : String(error)
  }
  return {
    result,
    heads: exports.heads.value,
    calls: exports.calls.value,
    memory: hashOf(new Uint8Array(exports.memory.buffer)),
  }
}

/** A number that differs where memories differ, most likely. */
function hashOf(bytes: Uint8Array): number {
  return bytes.reduce((hash, byte, at) => (byte === 0 ? hash : (Math.imul(hash, 31) + byte + at) | 0), 7)
}
