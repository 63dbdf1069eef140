/** WASI 0.3 as a component meets it: the kernel's files, time and randomness by asynchronous functions and streams. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { canSuspend } from '../../src/loader/suspension.ts'
import { assembled, ComponentBench } from '../component-bench.ts'
import { skipReasons } from '../skip-reasons.ts'

let bench: ComponentBench
let root: unknown

const READ = { read: true }
const WRITE = { read: true, write: true }
const text = new TextDecoder()

beforeEach(async () => {
  bench = await ComponentBench.open(assembled('wasi3'))
  bench.bench.kernel.files.put('/data/a.txt', 'hello, world')
  bench.bench.kernel.files.put('/data/deep/b.txt', 'deep')
  ;[[root]] = (await bench.value('wasi-filesystem-preopens-get-directories')) as [[unknown, string]]
})

afterEach(() => bench.dispose())

const fs = (method: string, ...args: unknown[]): Promise<unknown> =>
  bench.value(`wasi-filesystem-types-method-descriptor-${method}`, ...args)
const okOf = (val: unknown) => ({ tag: 'ok', val })
const errOf = (tag: string) => ({ tag: 'err', val: expect.objectContaining({ tag }) })

async function open(path: string, flags: object, how: object = {}): Promise<unknown> {
  const answer = (await fs('open-at', root, { symlinkFollow: true }, path, how, flags)) as { tag: string; val: unknown }
  expect(answer.tag).toBe('ok')
  return answer.val
}

describe('wasi:filesystem', () => {
  test('what 0.2 does is done asynchronously, with errors and kinds that may be others', async () => {
    const file = await open('data/a.txt', READ)
    expect(await fs('get-type', file)).toEqual(okOf({ tag: 'regular-file' }))
    expect(await fs('stat', file)).toMatchObject(okOf({ type: { tag: 'regular-file' }, size: 12n }))
    expect(await fs('stat-at', root, {}, 'nowhere')).toEqual(errOf('no-entry'))
    expect(await fs('create-directory-at', root, 'made')).toEqual({ tag: 'ok' })
    expect(await fs('create-directory-at', root, 'made')).toEqual(errOf('exist'))
    expect(await fs('rename-at', root, 'data/a.txt', root, 'made/b.txt')).toEqual({ tag: 'ok' })
    expect(await fs('is-same-object', root, root)).toBe(true)
    expect(await fs('unlink-file-at', root, 'made/b.txt')).toEqual({ tag: 'ok' })
  })

  test('times before 1970 are told and set', async () => {
    const stamp = { tag: 'timestamp', val: { seconds: -5n, nanoseconds: 0 } }
    expect(await fs('set-times-at', root, {}, 'data/a.txt', stamp, stamp)).toEqual({ tag: 'ok' })
    expect(await fs('stat-at', root, {}, 'data/a.txt')).toMatchObject(okOf({ dataModificationTimestamp: stamp.val }))
  })

  test.each(['..', '../outside', '/data/a.txt', 'data/../../outside'])('%s leads nowhere', async (path) => {
    expect(await fs('stat-at', root, { symlinkFollow: true }, path)).toEqual(errOf('not-permitted'))
  })

  test('a file is copied by giving the stream of one to the other, and both tell their end', async () => {
    const from = await open('data/a.txt', READ)
    const to = await open('copy.txt', WRITE, { create: true })
    expect(await bench.value('copy', from, to)).toBe(0)
    expect(text.decode(bench.bench.kernel.files.get('/copy.txt'))).toBe('hello, world')
  })

  test('a file larger than one piece is copied whole', async () => {
    const content = Uint8Array.from({ length: 300_000 }, (_, at) => at % 251)
    bench.bench.kernel.files.put('/large', content)
    expect(await bench.value('copy', await open('large', READ), await open('copy', WRITE, { create: true }))).toBe(0)
    expect(bench.bench.kernel.files.get('/copy')).toEqual(content)
  })

  test('the end of a stream tells what was wrong: a descriptor without the right, a directory', async () => {
    const readable = await open('data/a.txt', READ)
    const written = (await bench.value('copy', readable, await open('data/deep/b.txt', READ))) as number
    expect(written >> 8).toBeGreaterThan(0)
    expect(text.decode(bench.bench.kernel.files.get('/data/deep/b.txt'))).toBe('deep')
    const directory = await open('data', READ, { directory: true })
    const read = (await bench.value('copy', directory, await open('new', WRITE, { create: true }))) as number
    expect(read & 0xff).toBeGreaterThan(0)
  })

  test('two writes are appended one behind the other', async ({ skip }) => {
    skip(!(await canSuspend()), skipReasons.noJspi)
    expect(await bench.value('append', await open('data/a.txt', WRITE))).toBe(0)
    expect(text.decode(bench.bench.kernel.files.get('/data/a.txt'))).toBe('hello, worldonetwo')
  })

  test('a directory is listed by a stream, in pieces', async () => {
    for (const name of ['x', 'y', 'z']) bench.bench.kernel.files.put(`/many/${name}`, '')
    expect(await bench.value('names', await open('many', READ, { directory: true }))).toBe('xyz')
  })
})

describe('wasi:clocks and wasi:random', () => {
  test('a wait takes its time, and one that is over takes none', async ({ skip }) => {
    const now = () => bench.value('wasi-clocks-monotonic-clock-now') as Promise<bigint>
    skip(!(await canSuspend()), skipReasons.noJspi)
    const begun = await now()
    await bench.value('wasi-clocks-monotonic-clock-wait-for', 20_000_000n)
    expect((await now()) - begun).toBeGreaterThanOrEqual(20_000_000n)
    await bench.value('wasi-clocks-monotonic-clock-wait-until', 0n)
  })

  test('a wait is over when the clock says so, and not a moment before', async ({ skip }) => {
    skip(!(await canSuspend()), skipReasons.noJspi)
    const now = () => bench.value('wasi-clocks-monotonic-clock-now') as Promise<bigint>
    for (const part of [150_000n, 1_511_472n, 2_403_137n, 3_999_999n, 999_001n, 2_999_600n]) {
      const at = (await now()) + part
      await bench.value('wasi-clocks-monotonic-clock-wait-until', at)
      expect(await now()).toBeGreaterThanOrEqual(at)
    }
  })

  test('time has seconds before and after 1970, randomness its bytes', async () => {
    const { seconds } = (await bench.value('wasi-clocks-system-clock-now')) as { seconds: bigint }
    expect(seconds).toBeGreaterThan(1_600_000_000n)
    expect(await bench.value('wasi-clocks-system-clock-get-resolution')).toBe(1_000_000n)
    expect(await bench.value('wasi-random-random-get-random-bytes', 8n)).toHaveLength(8)
    expect(await bench.value('wasi-random-insecure-seed-get-insecure-seed')).toHaveLength(2)
  })
})
