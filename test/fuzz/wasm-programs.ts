/** Choices in, valid wasm modules out: nested loops, branches, calls and exceptions that always end, over a small memory. */
import { buildModule, COUNT_LOOPS, leb, SWALLOW_FOREVER } from '../loader-modules.ts'
import { type Next, pick } from './numbers.ts'

/** Locals: 0 the argument, 1 and 2 values, 3 and above the counters of loops. */
const COUNTERS = 3
const MAX_DEPTH = 4
const LOCALS = new Array<'i32'>(2 + MAX_DEPTH + 1).fill('i32')
/** Global 0 counts the loop heads that the original itself passes. */
const COUNT_HEAD = [0x23, 0, 0x41, 1, 0x6a, 0x24, 0]

type Node =
  | { kind: 'mix'; op: number; from: number; to: number; constant: number }
  | { kind: 'store' | 'load'; at: number }
  | { kind: 'loop'; rounds: number; body: Node[] }
  | { kind: 'if'; then: Node[]; otherwise: Node[] }
  | { kind: 'block'; body: Node[] }
  | { kind: 'try'; body: Node[]; caught: Node[] }
  | { kind: 'call' }

/** i32 operators that never trap: add, sub, mul, and, or, xor, shl, shr_u, rotl, lt_s, eq. */
const OPERATORS = [0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x74, 0x76, 0x77, 0x48, 0x46]

function leaf(next: Next): Node {
  switch (next(4)) {
    case 0:
      return { kind: 'call' }
    case 1:
      return { kind: next(2) ? 'store' : 'load', at: next(60_001) }
    default:
      return { kind: 'mix', op: pick(next, OPERATORS), from: next(3), to: next(3), constant: next(2 ** 32) | 0 }
  }
}

function nodes(next: Next, depth: number): Node[] {
  const inner = (): Node[] => nodes(next, depth - 1)
  return Array.from({ length: next(depth === 0 ? 4 : 5) }, () => {
    switch (depth === 0 ? 0 : next(6)) {
      case 1:
        return { kind: 'loop', rounds: 1 + next(3), body: inner() }
      case 2:
        return { kind: 'if', then: inner(), otherwise: inner() }
      case 3:
        return { kind: 'block', body: inner() }
      case 4:
        return { kind: 'try', body: inner(), caught: inner() }
      default:
        return leaf(next)
    }
  })
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
      return [0x20, 1, 0x10, 0, 0x21, 1]
  }
}

/**
 * A module with `run` (i32) -> i32, `memory` and `heads`, the number of loop heads that it has passed.
 * @param depth how deep blocks nest
 */
export function makeProgram(next: Next, depth = MAX_DEPTH): Uint8Array<ArrayBuffer> {
  const code = [...nodes(next, depth).flatMap((node) => encode(node, 0)), 0x20, 1, 0x20, 2, 0x6a]
  const halve = [0x03, 0x7f, ...COUNT_HEAD, 0x20, 0, 0x41, 1, 0x76, 0x22, 0, 0x20, 0, 0x41, 12, 0x4b, 0x0d, 0, 0x0b]
  return buildModule({
    functions: [
      // A loop with a result: halves its argument until it is small.
      { params: ['i32'], results: ['i32'], code: halve },
      { name: 'run', params: ['i32'], results: ['i32'], locals: LOCALS, code },
    ],
    memory: { minimum: 1, name: 'memory' },
    globals: [{ name: 'heads', type: 'i32', mutable: true, value: [0x41, 0] }],
  })
}

/** br_table, call_indirect, memory.fill, a vector constant. */
const MIXED = [
  ...[0x02, 0x40, 0x41, 0, 0x0e, 1, 0, 0, 0x0b],
  ...[0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 11, 0],
  ...[0xfd, 12, ...new Array<number>(16).fill(3), 0x1a],
]

/** A module with one of everything. */
export const EVERYTHING = buildModule({
  imports: [{ module: 'env', name: 'f', params: ['i32', 'i64'], results: ['f64'] }],
  functions: [
    { name: 'count', ...COUNT_LOOPS },
    { name: 'swallow', ...SWALLOW_FOREVER },
    { name: 'mixed', code: MIXED },
    // select with a type
    { name: 'select', code: [0x41, 1, 0x41, 2, 0x41, 3, 0x1c, 1, 0x7f, 0x1a] },
  ],
  memory: { minimum: 1, maximum: 4, name: 'memory' },
  tables: [{ minimum: 2, maximum: 9, name: 'table' }],
  globals: [
    { type: 'i64', mutable: true, value: [0x42, 0] },
    { name: 'g', type: 'funcref', value: [0xd0, 0x70] },
  ],
  elements: [0, 1],
  data: [{ offset: 4, bytes: [1, 2, 3] }, { bytes: [4] }],
  dataCount: true,
})
