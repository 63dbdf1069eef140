/** Small WASI modules for tests, built with the loader's own writer. */
import { buildModule, type ModuleParts } from './loader-modules.ts'
import { Writer } from '../src/loader/writer.ts'

const signed = (value: number): number[] => [...new Writer().s32(value).finish()]
/** i32.const */
export const i32 = (value: number): number[] => [0x41, ...signed(value)]
export const get = (local: number): number[] => [0x20, local]
export const call = (index: number): number[] => [0x10, index]
export const DROP = 0x1a

const WASI = 'wasi_snapshot_preview1'
const utf8 = new TextEncoder()

/** Prints a text and exits with a code. */
export function helloModule(text = 'hello\n', code = 0): Uint8Array<ArrayBuffer> {
  const bytes = utf8.encode(text)
  return buildModule({
    imports: [
      { module: WASI, name: 'fd_write', params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] },
      { module: WASI, name: 'proc_exit', params: ['i32'] },
    ],
    memory: { minimum: 1, name: 'memory' },
    functions: [
      {
        name: '_start',
        code: [...i32(1), ...i32(8), ...i32(1), ...i32(0), ...call(0), DROP, ...i32(code), ...call(1)],
      },
    ],
    data: [
      { offset: 8, bytes: [16, 0, 0, 0, bytes.length, bytes.length >> 8, 0, 0] },
      { offset: 16, bytes },
    ],
  })
}

/** Polls stdin beside a time, and exits with 1 when stdin was first, 2 when it was the time. */
export function pollModule(milliseconds: number): Uint8Array<ArrayBuffer> {
  const nanoseconds = [...new Uint8Array(new BigUint64Array([BigInt(milliseconds) * 1_000_000n]).buffer)]
  return buildModule({
    imports: [
      { module: WASI, name: 'poll_oneoff', params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] },
      { module: WASI, name: 'proc_exit', params: ['i32'] },
    ],
    memory: { minimum: 1, name: 'memory' },
    functions: [
      {
        name: '_start',
        code: [
          ...[...i32(1_024), ...i32(4_096), ...i32(2), ...i32(8), ...call(0), DROP],
          ...[...i32(4_096), 0x28, 2, 0, ...call(1)], // the user data of the first event
        ],
      },
    ],
    data: [
      { offset: 1_024, bytes: [1, 0, 0, 0, 0, 0, 0, 0, 1] }, // fd_read of descriptor 0
      { offset: 1_072, bytes: [2] }, // clock
      { offset: 1_088, bytes: [1] }, // monotonic
      { offset: 1_096, bytes: nanoseconds },
    ],
  })
}

/** Copies stdin to stdout, in pieces of up to 1,000 bytes, until its end. */
export function catModule(): Uint8Array<ArrayBuffer> {
  const io = { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] } as const
  return buildModule({
    imports: [
      { module: WASI, name: 'fd_read', ...io },
      { module: WASI, name: 'fd_write', ...io },
    ],
    memory: { minimum: 1, name: 'memory' },
    functions: [
      {
        name: '_start',
        code: [
          ...[0x02, 0x40, 0x03, 0x40], // block loop
          ...[...i32(12), ...i32(1_000), 0x36, 2, 0], // iov.length = 1000
          ...[...i32(0), ...i32(8), ...i32(1), ...i32(4), ...call(0), DROP], // fd_read
          ...[...i32(4), 0x28, 2, 0, 0x45, 0x0d, 1], // nothing: leave
          ...[...i32(12), ...i32(4), 0x28, 2, 0, 0x36, 2, 0], // iov.length = read
          ...[...i32(1), ...i32(8), ...i32(1), ...i32(4), ...call(1), DROP], // fd_write
          ...[0x0c, 0, 0x0b, 0x0b],
        ],
      },
    ],
    data: [{ offset: 8, bytes: [16, 0, 0, 0] }],
  })
}

/**
 * A reactor: `add(i32, i32)`, `wide(i64)`, `float(f64)`, `pair(i32)` that returns two, `count()` of a global and of memory,
 * `set(slot, function)` and `use(slot)` of a table that holds `one` and `two`, `grow()` of the table, `trap()`, `loop()`.
 */
export function reactorModule(more: Partial<ModuleParts> = {}): Uint8Array<ArrayBuffer> {
  return buildModule({
    memory: { minimum: 1, maximum: 100, name: 'memory' },
    globals: [{ type: 'i32', mutable: true, value: i32(10) }],
    tables: [{ minimum: 2, maximum: 10 }],
    elements: [5, 6],
    functions: [
      { name: 'add', params: ['i32', 'i32'], results: ['i32'], code: [...get(0), ...get(1), 0x6a] },
      { name: 'wide', params: ['i64'], results: ['i64'], code: [...get(0), 0x42, 1, 0x7c] },
      { name: 'float', params: ['f64'], results: ['f64'], code: [...get(0), ...get(0), 0xa2] },
      { name: 'pair', params: ['i32'], results: ['i32', 'i32'], code: [...get(0), ...i32(7)] },
      {
        name: 'count',
        results: ['i32'],
        code: [
          ...[0x23, 0, ...i32(1), 0x6a, 0x24, 0], // global += 1
          ...[...i32(64), ...i32(64), 0x28, 2, 0, ...i32(100), 0x6a, 0x36, 2, 0], // memory += 100
          ...[0x23, 0, ...i32(64), 0x28, 2, 0, 0x6a],
        ],
      },
      { results: ['i32'], code: i32(1) },
      { results: ['i32'], code: i32(2) },
      // table.set(slot, table.get(from))
      { name: 'set', params: ['i32', 'i32'], code: [...get(0), ...get(1), 0x25, 0, 0x26, 0] },
      { name: 'use', params: ['i32'], results: ['i32'], code: [...get(0), 0x11, 5, 0] },
      // table.grow(null, 1)
      { name: 'grow', results: ['i32'], code: [0xd0, 0x70, ...i32(1), 0xfc, 15, 0] },
      { name: 'trap', code: [0x00] },
      { name: 'loop', code: [0x03, 0x40, 0x0c, 0, 0x0b] },
    ],
    ...more,
  })
}
