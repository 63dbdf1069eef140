/** Every limit that a module of the user's can reach, in every way in which a sandbox runs. It calls no tools: their limits are not its. */
import { describe, expect, test } from 'vitest'
import type { RunRequest } from '../../src/index.ts'
import { DEFAULT_LIMITS, type Limits } from '../../src/limits.ts'
import { WAYS } from '../isolations.ts'
import { driveInto, is, killed, type LimitRow } from '../limit-rows.ts'
import { buildModule, type ModuleParts } from '../loader-modules.ts'
import { call, DROP, get, i32 } from '../wasm-guests.ts'

const MiB = 2 ** 20
const WASI = 'wasi_snapshot_preview1'
/** The descriptor of the sandbox's root. */
const ROOT = 3
/** Numbers of errors in WASI's witx. */
const ENOSPC = 51
const EMFILE = 33
/** Every right of a file, as the rights of preview 1 are numbered. */
const RIGHTS = [0x42, 0xff, 0xff, 0xff, 0xff, 0] // i64.const 0x0fff_ffff

const set = (local: number): number[] => [0x21, local]
const add = (local: number, more: readonly number[]): number[] => [...get(local), ...more, 0x6a, ...set(local)]
/** Does it until its result is not zero, and answers that. */
const untilError = (call: readonly number[]): number[] => [
  ...[0x03, 0x40, ...call, ...set(0), ...get(0), 0x45, 0x0d, 0, 0x0b],
  ...get(0),
]
/** path_open(ROOT, 0, path of two bytes at 64, create, every right) with the descriptor at 8. */
const open = [...i32(ROOT), ...i32(0), ...i32(64), ...i32(2), ...i32(1), ...RIGHTS, ...RIGHTS, ...i32(0), ...i32(8)]
/** fd_write of the vector at 16, which is 10,000 bytes long, with the count at 24. */
const write = (descriptor: readonly number[]): number[] => [
  ...descriptor,
  ...i32(16),
  ...i32(1),
  ...i32(24),
  ...call(1),
]
const errors = { results: ['i32'] as const, locals: ['i32', 'i32'] as const }

const HOSTILE: ModuleParts = {
  imports: [
    {
      module: WASI,
      name: 'path_open',
      params: ['i32', 'i32', 'i32', 'i32', 'i32', 'i64', 'i64', 'i32', 'i32'],
      results: ['i32'],
    },
    { module: WASI, name: 'fd_write', params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] },
    { module: WASI, name: 'path_create_directory', params: ['i32', 'i32', 'i32'], results: ['i32'] },
    { module: WASI, name: 'path_filestat_get', params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: ['i32'] },
  ],
  memory: { minimum: 1, name: 'memory' },
  functions: [
    { name: 'three', results: ['i32'], code: i32(3) },
    { name: 'loop', code: [0x03, 0x40, 0x0c, 0, 0x0b] },
    { name: 'deep', results: ['i32'], code: [...call(6), ...i32(1), 0x6a] },
    // Grows a page at a time until it may not, and says how many it has.
    { name: 'grow', ...errors, code: [...[0x03, 0x40, ...i32(1), 0x40, 0, ...i32(-1), 0x47, 0x0d, 0, 0x0b], 0x3f, 0] },
    {
      name: 'print',
      ...errors,
      code: [
        ...[0x03, 0x40, ...write(i32(1)), DROP, ...write(i32(2)), DROP],
        ...[...add(1, i32(1)), ...get(1), ...i32(9), 0x49, 0x0d, 0, 0x0b],
        ...i32(0),
      ],
    },
    {
      name: 'write',
      ...errors,
      code: [...open, ...call(0), DROP, ...untilError(write([...i32(8), 0x28, 2, 0]))],
    },
    {
      name: 'directories',
      ...errors,
      // The name is the two bytes at 64, counted up from AA: the first of forty names is far from a slash, a dot and a NUL.
      code: untilError([
        ...[...i32(ROOT), ...i32(64), ...i32(2), ...call(2)],
        ...[...i32(64), ...i32(64), 0x2f, 1, 0, ...i32(1), 0x6a, 0x3b, 1, 0],
      ]),
    },
    { name: 'open', ...errors, code: untilError([...open, ...call(0)]) },
    {
      name: 'stat',
      code: [
        ...[0x03, 0x40, ...i32(ROOT), ...i32(0), ...i32(32), ...i32(6), ...i32(128), ...call(3), DROP, 0x0c, 0],
        0x0b,
      ],
    },
  ],
  data: [
    { offset: 16, bytes: [0, 8, 0, 0, 0x10, 0x27, 0, 0] }, // 10,000 bytes at 2,048
    { offset: 32, bytes: new TextEncoder().encode('data/a') },
    { offset: 64, bytes: new TextEncoder().encode('AA') },
  ],
}

const calls = (name: string): Partial<RunRequest> => ({ call: name })

const rows: LimitRow[] = [
  {
    limit: 'timeoutMs',
    limits: { timeoutMs: 100 },
    guest: calls('loop'),
    ends: killed('TOKA_LIMIT_TIME'),
    measured: ({ usage }) => usage.wallMs,
    // Two cores may be taken by another test: what is promised is measured by the benchmark.
    within: 400,
  },
  {
    limit: 'fuel',
    limits: { fuel: 1_000_000 },
    guest: calls('loop'),
    ends: killed('TOKA_LIMIT_FUEL'),
    measured: ({ usage }) => usage.fuel,
    within: 1_000_100,
  },
  {
    limit: 'memoryBytes',
    limits: { memoryBytes: 2 * MiB },
    guest: calls('grow'),
    ends: is(32),
    measured: ({ usage }) => usage.memoryBytes,
    within: 2 * MiB,
  },
  {
    limit: 'outputBytes',
    limits: { outputBytes: 15_000 },
    guest: calls('print'),
    ends: { status: 'completed', truncated: { stdout: true, stderr: true }, usage: { outputBytes: 180_000 } },
    measured: ({ stdout, stderr }) => Math.max(stdout.length, stderr.length),
    within: 15_000,
  },
  {
    limit: 'fileBytes',
    limits: { fileBytes: MiB },
    guest: { ...calls('write'), collect: ['/**'] },
    ends: is(ENOSPC),
    measured: ({ files }) => Object.values(files).reduce((sum, { length }) => sum + length, 0),
    within: MiB,
  },
  { limit: 'fileNodes', limits: { fileNodes: 40 }, guest: calls('directories'), ends: is(ENOSPC) },
  { limit: 'descriptors', limits: { descriptors: 20 }, guest: calls('open'), ends: is(EMFILE) },
  {
    limit: 'hostCalls',
    limits: { hostCalls: 20 },
    guest: calls('stat'),
    ends: killed('TOKA_LIMIT_CALLS'),
    measured: ({ usage }) => usage.hostCalls,
    within: 20,
  },
]

/** Of tools, and of processes, which no language starts. */
const NOT_ITS: readonly (keyof Limits)[] = ['concurrentCalls', 'structuredBytes', 'flatBytes', 'processes']

const request: RunRequest = {
  language: 'wasm',
  module: buildModule(HOSTILE),
  mounts: [{ at: '/data', from: { files: { a: 'x' } }, mode: 'ro' }],
  grants: [{ resource: 'fs', actions: ['read'], paths: ['/data/**'] }],
}

describe.each(WAYS)('%s', (way) => {
  test.each(rows)('limits.$limit', (row) => driveInto(way, row, request, calls('three')))

  test('the stack', () =>
    driveInto(
      way,
      { limit: 'memoryBytes', limits: {}, guest: calls('deep'), ends: killed('TOKA_LIMIT_STACK') },
      request,
      calls('three'),
    ))
})

test('every limit has its row', () => {
  expect([...rows.map(({ limit }) => limit), ...NOT_ITS].sort()).toEqual(Object.keys(DEFAULT_LIMITS).sort())
})
