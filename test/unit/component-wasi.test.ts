/** WASI 0.2 as a component meets it: each function called through a component, over the kernel's files, streams, time. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { assembled, ComponentBench, type Ended } from '../component-bench.ts'

let bench: ComponentBench
let root: unknown

const READ = { read: true }
const WRITE = { read: true, write: true }
const NO_OPEN = {}
const CREATE = { create: true }
const utf8 = new TextEncoder()

beforeEach(async () => {
  bench = await ComponentBench.open(assembled('wasi'))
  bench.bench.kernel.files.put('/data/a.txt', 'hello, world')
  bench.bench.kernel.files.put('/data/deep/b.txt', 'deep')
  ;[[root]] = (await bench.value('wasi-filesystem-preopens-get-directories')) as [[unknown, string]]
})

afterEach(() => bench.dispose())

const on = (method: string) => `wasi-filesystem-types-method-descriptor-${method}`
const fs = (method: string, ...args: unknown[]): Promise<unknown> => bench.value(on(method), ...args)
const io = (method: string, ...args: unknown[]): Promise<unknown> => bench.value(`wasi-io-${method}`, ...args)

async function open(from: unknown, path: string, flags: object, open: object = NO_OPEN): Promise<unknown> {
  const answer = await fs('open-at', from, { symlinkFollow: true }, path, open, flags)
  if ((answer as { tag: string }).tag === 'err') throw new Error(String((answer as { val: string }).val))
  return (answer as { val: unknown }).val
}

const okOf = (val: unknown) => ({ tag: 'ok', val })
const errOf = (val: unknown) => ({ tag: 'err', val })

describe('wasi:filesystem', () => {
  test('a file is read, at an offset, to its end', async () => {
    const file = await open(root, 'data/a.txt', READ)
    expect(await fs('read', file, 5n, 7n)).toEqual(okOf([utf8.encode('world'), false]))
    expect(await fs('read', file, 5n, 12n)).toEqual(okOf([new Uint8Array(0), true]))
    expect(await fs('get-type', file)).toEqual(okOf('regular-file'))
    expect(await fs('stat', file)).toMatchObject(okOf({ type: 'regular-file', size: 12n, linkCount: 1n }))
  })

  test('a file is made, written, cut, renamed, linked and removed', async () => {
    const file = await open(root, 'new.txt', WRITE, CREATE)
    expect(await fs('write', file, utf8.encode('0123456789'), 0n)).toEqual(okOf(10n))
    expect(await fs('write', file, utf8.encode('ab'), 2n)).toEqual(okOf(2n))
    expect(await fs('set-size', file, 5n)).toEqual({ tag: 'ok' })
    expect(await fs('rename-at', root, 'new.txt', root, 'data/moved.txt')).toEqual({ tag: 'ok' })
    expect(await fs('link-at', root, {}, 'data/moved.txt', root, 'second')).toEqual({ tag: 'ok' })
    expect(await fs('stat-at', root, {}, 'second')).toMatchObject(okOf({ size: 5n, linkCount: 2n }))
    expect(new TextDecoder().decode(bench.bench.kernel.files.get('/second'))).toBe('01ab4')
    expect(await fs('unlink-file-at', root, 'second')).toEqual({ tag: 'ok' })
    expect(await fs('stat-at', root, {}, 'second')).toEqual(errOf('no-entry'))
  })

  test('a directory is made, listed and removed', async () => {
    expect(await fs('create-directory-at', root, 'made')).toEqual({ tag: 'ok' })
    expect(await fs('create-directory-at', root, 'made')).toEqual(errOf('exist'))
    const data = await open(root, 'data', READ, { directory: true })
    const { val: entries } = (await fs('read-directory', data)) as { val: unknown }
    const next = () => bench.value('wasi-filesystem-types-method-directory-entry-stream-read-directory-entry', entries)
    expect(await next()).toEqual(okOf({ type: 'regular-file', name: 'a.txt' }))
    expect(await next()).toEqual(okOf({ type: 'directory', name: 'deep' }))
    expect(await next()).toEqual(okOf(undefined))
    expect(await fs('remove-directory-at', root, 'made')).toEqual({ tag: 'ok' })
    expect(await fs('remove-directory-at', root, 'data')).toEqual(errOf('not-empty'))
  })

  test('what is opened may do what its opening implies, and no more', async () => {
    const flagsOf = async (file: unknown) => {
      const { val } = (await fs('get-flags', file)) as { val: Record<string, boolean> }
      return Object.keys(val).filter((flag) => val[flag])
    }
    expect(await flagsOf(root)).toEqual(['read', 'mutateDirectory'])
    expect(await flagsOf(await open(root, 'data', {}))).toEqual(['read'])
    expect(await flagsOf(await open(root, 'data/a.txt', {}))).toEqual(['read'])
    expect(await flagsOf(await open(root, 'data/a.txt', { write: true }))).toEqual(['write'])
    expect(await flagsOf(await open(root, 'made', {}, CREATE))).toEqual(['read', 'write'])
    expect(await flagsOf(await open(root, 'made', { write: true }, CREATE))).toEqual(['write'])
    expect(await fs('advise', root, 0n, 0n, 'normal')).toEqual(errOf('bad-descriptor'))
  })

  test('two names of a file are the same object, two files are not', async () => {
    expect(await fs('link-at', root, {}, 'data/a.txt', root, 'second')).toEqual({ tag: 'ok' })
    const [a, second] = [await open(root, 'data/a.txt', READ), await open(root, 'second', READ)]
    expect(await fs('is-same-object', a, second)).toBe(true)
    expect(await fs('is-same-object', a, await open(root, 'data/deep/b.txt', READ))).toBe(false)
    expect(await fs('is-same-object', a, root)).toBe(false)
    expect(await fs('is-same-object', root, await open(root, '.', READ))).toBe(true)
  })

  test('an open directory is the same object by its new name, and no fork takes another for it', async () => {
    const WHOLE = { read: true, mutateDirectory: true }
    const data = await open(root, 'data', WHOLE)
    ;(await bench.fork()).dispose()
    expect(await fs('rename-at', root, 'data', root, 'moved')).toEqual({ tag: 'ok' })
    expect(await fs('create-directory-at', root, 'data')).toEqual({ tag: 'ok' })
    expect(await fs('is-same-object', data, await open(root, 'moved', WHOLE))).toBe(true)
    expect(await fs('is-same-object', data, await open(root, 'data', WHOLE))).toBe(false)
    await expect(bench.fork()).rejects.toThrow('the component holds a directory that was renamed or removed')
  })

  test.each(['.', './', './/.'])('%s names the directory itself, which cannot be removed or linked', async (path) => {
    expect(await fs('remove-directory-at', root, path)).toEqual(errOf('invalid'))
    expect(await fs('unlink-file-at', root, path)).toEqual(errOf('is-directory'))
    expect(await fs('link-at', root, {}, path, root, 'second')).toEqual(errOf('not-permitted'))
  })

  test('times are read and set', async () => {
    const stamp = { tag: 'timestamp', val: { seconds: 1_000n, nanoseconds: 5_000_000 } }
    expect(await fs('set-times-at', root, {}, 'data/a.txt', { tag: 'no-change' }, stamp)).toEqual({ tag: 'ok' })
    const file = await open(root, 'data/a.txt', WRITE)
    expect(await fs('stat', file)).toMatchObject(okOf({ dataModificationTimestamp: stamp.val }))
    expect(await fs('set-times', file, stamp, { tag: 'now' })).toEqual({ tag: 'ok' })
    expect(await fs('stat', file)).toMatchObject(okOf({ dataAccessTimestamp: stamp.val }))
  })

  test('links are made, read and followed where asked', async () => {
    expect(await fs('symlink-at', root, 'data/a.txt', 'link')).toEqual({ tag: 'ok' })
    expect(await fs('readlink-at', root, 'link')).toEqual(okOf('data/a.txt'))
    expect(await fs('stat-at', root, { symlinkFollow: true }, 'link')).toMatchObject(okOf({ type: 'regular-file' }))
    expect(await fs('stat-at', root, {}, 'link')).toMatchObject(okOf({ type: 'symbolic-link' }))
    expect(await fs('open-at', root, {}, 'link', {}, READ)).toEqual(errOf('loop'))
  })

  test('streams read and write at their place', async () => {
    const file = await open(root, 'log', WRITE, CREATE)
    const { val: out } = (await fs('append-via-stream', file)) as { val: unknown }
    expect(await io('streams-method-output-stream-blocking-write-and-flush', out, utf8.encode('one\n'))).toEqual({
      tag: 'ok',
    })
    expect(await io('streams-method-output-stream-write', out, utf8.encode('two\n'))).toEqual({ tag: 'ok' })
    const { val: input } = (await fs('read-via-stream', file, 4n)) as { val: unknown }
    expect(await io('streams-method-input-stream-blocking-read', input, 100n)).toEqual(okOf(utf8.encode('two\n')))
    expect(await io('streams-method-input-stream-read', input, 100n)).toEqual(errOf({ tag: 'closed' }))
  })

  describe('nothing leads out of an open directory', () => {
    const OUT = [
      '..',
      '../data/a.txt',
      '/data/a.txt',
      'deep/../../data/a.txt',
      './..',
      'up/data/a.txt',
      'away',
      'deep/up2',
    ]

    test.each(OUT)('%s', async (path) => {
      bench.bench.kernel.files.put('/outside', 'secret')
      await fs('symlink-at', root, '../', 'data/up')
      await fs('symlink-at', root, '../outside', 'data/away')
      await fs('symlink-at', root, '../../outside', 'data/deep/up2')
      const data = await open(root, 'data', { read: true, mutateDirectory: true })
      // A link at the end is not followed where it is not asked for.
      for (const follow of path === 'away' || path === 'deep/up2' ? [true] : [true, false]) {
        const flags = { symlinkFollow: follow }
        expect(await fs('open-at', data, flags, path, {}, READ)).toEqual(errOf('not-permitted'))
        expect(await fs('stat-at', data, flags, path)).toEqual(errOf('not-permitted'))
      }
      for (const method of ['create-directory-at', 'unlink-file-at', 'remove-directory-at']) {
        const answer = (await fs(method, data, `${path}/x`)) as { tag: string; val: string }
        expect(answer.tag).toBe('err')
      }
      expect(new TextDecoder().decode(bench.bench.kernel.files.get('/outside'))).toBe('secret')
    })

    test('a link to an absolute place is not made', async () => {
      expect(await fs('symlink-at', root, '/outside', 'link')).toEqual(errOf('not-permitted'))
    })
  })

  describe('a descriptor has the rights that it was opened with, and gives no more', () => {
    test('one to read is not written', async () => {
      const file = await open(root, 'data/a.txt', READ)
      expect(await fs('write', file, utf8.encode('x'), 0n)).toEqual(errOf('bad-descriptor'))
      expect(await fs('write-via-stream', file, 0n)).toEqual(errOf('bad-descriptor'))
      expect(await fs('set-size', file, 0n)).toEqual(errOf('bad-descriptor'))
      expect(await fs('get-flags', file)).toMatchObject(okOf({ read: true, write: false }))
    })

    const CHANGES: readonly (readonly [string, readonly unknown[]])[] = [
      ['create-directory-at', ['new']],
      ['unlink-file-at', ['a.txt']],
      ['remove-directory-at', ['deep']],
      ['symlink-at', ['a.txt', 'new']],
      ['set-times-at', [{}, 'a.txt', { tag: 'now' }, { tag: 'now' }]],
    ]

    test.each(CHANGES)('a directory to read changes nothing: %s', async (method, args) => {
      const data = await open(root, 'data', READ)
      expect(await fs(method, data, ...args)).toEqual(errOf('read-only'))
      expect(await fs('rename-at', root, 'data/a.txt', data, 'b')).toEqual(errOf('read-only'))
      expect(await fs('open-at', data, {}, 'a.txt', {}, WRITE)).toEqual(errOf('read-only'))
      expect(await fs('open-at', data, {}, 'new', CREATE, READ)).toEqual(errOf('read-only'))
      expect(await fs('open-at', data, {}, 'a.txt', {}, READ)).toMatchObject({ tag: 'ok' })
    })
  })

  const ERRORS: readonly (readonly [string, string, readonly unknown[], string])[] = [
    ['nothing there', 'open-at', [{}, 'missing', {}, READ], 'no-entry'],
    ['an empty path', 'open-at', [{}, '', {}, READ], 'no-entry'],
    ['a NUL', 'open-at', [{}, 'a\0b', {}, READ], 'invalid'],
    ['a long name', 'open-at', [{}, 'n'.repeat(300), {}, READ], 'name-too-long'],
    ['a long path', 'stat-at', [{}, 'a/'.repeat(3_000)], 'name-too-long'],
    ['a file as a directory', 'open-at', [{}, 'data/a.txt', { directory: true }, READ], 'not-directory'],
    ['a file beneath a file', 'open-at', [{}, 'data/a.txt/x', {}, READ], 'not-directory'],
    ['a directory to write', 'open-at', [{}, 'data', {}, WRITE], 'is-directory'],
    ['what is there', 'open-at', [{}, 'data/a.txt', { create: true, exclusive: true }, WRITE], 'exist'],
    ['what is no link', 'readlink-at', ['data/a.txt'], 'invalid'],
    ['a directory as a file', 'unlink-file-at', ['data'], 'is-directory'],
  ]

  test.each(ERRORS)('%s: %s says so', async (_, method, args, code) => {
    expect(await fs(method, root, ...args)).toEqual(errOf(code))
  })
})

describe('wasi:cli', () => {
  test('what is written to the streams is the output of the run', async () => {
    const run = async (name: 'stdout' | 'stderr') => {
      const stream = await bench.value(`wasi-cli-${name}-get-${name}`)
      await io('streams-method-output-stream-blocking-write-and-flush', stream, utf8.encode(`to ${name}`))
      return bench.bench.kernel.process[name].text()
    }
    expect(await run('stdout')).toBe('to stdout')
    expect(await run('stderr')).toBe('to stderr')
  })

  test('nothing of the host is in the environment, and no stream is a terminal', async () => {
    expect(await bench.value('wasi-cli-environment-get-environment')).toEqual([])
    expect(await bench.value('wasi-cli-environment-initial-cwd')).toBeUndefined()
    for (const name of ['stdin', 'stdout', 'stderr'])
      expect(await bench.value(`wasi-cli-terminal-${name}-get-terminal-${name}`)).toBeUndefined()
  })

  test('the program ends with the code that it says', async () => {
    expect(await bench.call('wasi-cli-exit-exit-with-code', 7)).toMatchObject({ exitCode: 7, lost: true })
  })

  test('more than a stream permits is a trap', async () => {
    const stream = await bench.value('wasi-cli-stdout-get-stdout')
    const ended = await bench.call('wasi-io-streams-method-output-stream-write', stream, new Uint8Array(2 ** 17))
    expect(ended.error?.message).toBe('the component trapped: it writes more to a stream than the stream permits')
  })
})

describe('wasi:clocks and wasi:random', () => {
  test('time goes on, and is waited for', async () => {
    const before = (await bench.value('wasi-clocks-monotonic-clock-now')) as bigint
    const pollable = await bench.value('wasi-clocks-monotonic-clock-subscribe-duration', 30_000_000n)
    const ended: Ended = await bench.call('wasi-io-poll-method-pollable-block', pollable)
    const after = (await bench.value('wasi-clocks-monotonic-clock-now')) as bigint
    if (ended.error) expect(ended.error.code).toBe('TOKA_CALL_BLOCKING')
    else expect(after - before).toBeGreaterThanOrEqual(30_000_000n)
  })

  test('a sleep past the deadline ends at the deadline', async () => {
    const pollable = await bench.value('wasi-clocks-monotonic-clock-subscribe-duration', 60_000_000_000n)
    const ended = await bench.callFor(50, 'wasi-io-poll-poll', [pollable])
    expect(ended.stopped ?? ended.error?.code).toMatch(/^(time|TOKA_CALL_BLOCKING)$/)
  })

  test('what is ready is told by its place', async () => {
    const late = await bench.value('wasi-clocks-monotonic-clock-subscribe-duration', 60_000_000_000n)
    const now = await bench.value('wasi-clocks-monotonic-clock-subscribe-instant', 0n)
    expect(await bench.value('wasi-io-poll-poll', [late, now])).toEqual([1])
    expect((await bench.call('wasi-io-poll-poll', [])).error?.message).toMatch(/it polls nothing/)
  })

  test('the wall clock shows whole milliseconds without a grant for more', async () => {
    const { nanoseconds } = (await bench.value('wasi-clocks-wall-clock-now')) as { nanoseconds: number }
    expect(nanoseconds % 1_000_000).toBe(0)
  })

  test('random bytes are as many as asked for, and differ', async () => {
    const bytes = async () => (await bench.value('wasi-random-random-get-random-bytes', 32n)) as Uint8Array
    const [first, second] = [await bytes(), await bytes()]
    expect(first.length).toBe(32)
    expect(first).not.toEqual(second)
    expect((await bench.call('wasi-random-random-get-random-bytes', 2n ** 40n)).error?.code).toBe('TOKA_GUEST_TRAP')
    const seed = () => bench.value('wasi-random-insecure-seed-insecure-seed')
    expect(await seed()).toEqual(await seed())
  })
})

describe('what the host holds for a component is bounded', () => {
  test('resources that are never dropped', async () => {
    for (let made = 0; made < 1_023; made++) await bench.value('wasi-clocks-monotonic-clock-subscribe-instant', 0n)
    const ended = await bench.call('wasi-clocks-monotonic-clock-subscribe-instant', 0n)
    expect(ended.error?.message).toMatch(/its caller holds more than 1024 of its resources/)
  })

  test('bodies and headers together', async () => {
    const http = (name: string, ...args: unknown[]) => bench.value(`wasi-http-types-${name}`, ...args)
    const big = new Uint8Array(200_000).fill(97)
    let kept = 0
    for (let round = 0; round < 100; round++) {
      const fields = await http('constructor-fields')
      const answer = (await http('method-fields-append', fields, 'x', big)) as { tag: string }
      if (answer.tag === 'ok') kept++
      else break
    }
    expect(kept).toBe(83)
  })
})

describe('wasi:http', () => {
  test('a request without a grant is denied', async () => {
    const http = (name: string, ...args: unknown[]) => bench.value(`wasi-http-${name}`, ...args)
    const fields = await http('types-constructor-fields')
    const request = await http('types-constructor-outgoing-request', fields)
    await http('types-method-outgoing-request-set-authority', request, 'example.com')
    await http('types-method-outgoing-request-set-scheme', request, { tag: 'HTTPS' })
    const { val: future } = (await http('outgoing-handler-handle', request, undefined)) as { val: unknown }
    await new Promise((resolve) => setTimeout(resolve, 20))
    const answer = await http('types-method-future-incoming-response-get', future)
    expect(answer).toMatchObject({ tag: 'ok', val: { tag: 'err' } })
  })

  test('headers are checked, and those of a request are fixed', async () => {
    const http = (name: string, ...args: unknown[]) => bench.value(`wasi-http-types-${name}`, ...args)
    const fields = await http('constructor-fields')
    expect(await http('method-fields-append', fields, 'x-a', utf8.encode('1'))).toEqual({ tag: 'ok' })
    expect(await http('method-fields-append', fields, 'X-A', utf8.encode('2'))).toEqual({ tag: 'ok' })
    expect(await http('method-fields-get', fields, 'x-a')).toEqual([utf8.encode('1'), utf8.encode('2')])
    for (const [name, value] of [
      ['bad name', '1'],
      ['x', 'a\r\nb: c'],
      ['x', '\0'],
    ] as const)
      expect(await http('method-fields-set', fields, name, [utf8.encode(value)])).toEqual(
        errOf({ tag: 'invalid-syntax' }),
      )
    expect(await http('method-fields-set', fields, 'Host', [utf8.encode('x')])).toEqual(errOf({ tag: 'forbidden' }))
    const entries = (await http('method-fields-entries', fields)) as [string, Uint8Array][]
    expect(entries.map(([name]) => name)).toEqual(['x-a', 'x-a'])
    const request = await http('constructor-outgoing-request', fields)
    const fixed = await http('method-outgoing-request-headers', request)
    expect(await http('method-fields-delete', fixed, 'x-a')).toEqual(errOf({ tag: 'immutable' }))
  })

  test.each([
    ['method', { tag: 'other', val: 'PUT' }, { tag: 'put' }],
    ['method', { tag: 'other', val: 'two words' }, undefined],
    ['scheme', { tag: 'other', val: 'https' }, { tag: 'HTTPS' }],
    ['scheme', { tag: 'other', val: '1' }, undefined],
    ['path-with-query', '', '/'],
    ['path-with-query', '/a?b=%20', '/a?b=%20'],
    ['path-with-query', '/a b', undefined],
    ['path-with-query', '/\r\n', undefined],
    ['authority', 'user:pass@example.com:80', 'user:pass@example.com:80'],
    ['authority', '[2001:db8::1]', '[2001:db8::1]'],
    ['authority', 'example.com:what', undefined],
    ['authority', 'example.com/', undefined],
    ['authority', '@', undefined],
  ])('the %s %j of a request is told as %j', async (part, given, told) => {
    const http = (name: string, ...args: unknown[]) => bench.value(`wasi-http-types-${name}`, ...args)
    const request = await http('constructor-outgoing-request', await http('constructor-fields'))
    const before = await http(`method-outgoing-request-${part}`, request)
    const { tag } = (await http(`method-outgoing-request-set-${part}`, request, given)) as { tag: string }
    expect(tag).toBe(told === undefined ? 'err' : 'ok')
    expect(await http(`method-outgoing-request-${part}`, request)).toEqual(told ?? before)
  })
})
