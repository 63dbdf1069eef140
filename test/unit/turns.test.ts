/** Turns at a sandbox: their order, leaving before one's turn, no more than can wait, and disposal while some wait. */
import { describe, expect, test } from 'vitest'
import type { Sandbox } from '../../src/index.ts'
import { BORDER } from '../../src/limits.ts'
import { tokaOf, WAYS } from '../isolations.ts'

const wait = (ms: number) => `await new Promise((resolve) => setTimeout(resolve, ${ms}))`

describe.each(WAYS)('turns: %s', (way) => {
  const open = async (): Promise<Sandbox> => (await tokaOf(way)).open({ language: 'javascript' })

  test('runs, streams, forks and snapshots come in the order in which they were asked for', async () => {
    const sandbox = await open()
    const look = async (of: Promise<Sandbox>) => {
      const { value } = await (await of).run({ source: 'n' })
      await (await of).dispose()
      return value
    }
    const toka = await tokaOf(way)
    const first = sandbox.run({ source: `${wait(20)}; globalThis.n = 1` })
    const twin = look(sandbox.fork())
    const second = sandbox.run({ source: `${wait(5)}; ++n` })
    const image = look(sandbox.snapshot().then((bytes) => toka.restore(bytes)))
    const third = sandbox.stream({ source: '++n' }).next()
    expect((await first).value).toBe(1)
    expect(await twin).toBe(1)
    expect((await second).value).toBe(2)
    expect(await image).toBe(2)
    expect((await third).value).toMatchObject({ type: 'result', result: { value: 3 } })
    await sandbox.dispose()
  })

  test('a run that is cancelled before its turn ends at once and never begins', async () => {
    const sandbox = await open()
    const stop = new AbortController()
    const long = sandbox.run({ source: `globalThis.n = 0; ${wait(300)}; n` })
    const started = performance.now()
    const cancelled = Array.from({ length: 20 }, () => sandbox.run({ source: 'n++', signal: stop.signal }))
    const after = sandbox.run({ source: 'n' })
    setTimeout(() => stop.abort(), 10)
    for (const each of cancelled)
      expect(await each).toMatchObject({
        status: 'cancelled',
        exitCode: 1,
        error: { code: 'TOKA_CANCELLED' },
        pending: [],
      })
    expect(performance.now() - started).toBeLessThan(250)
    expect((await long).value).toBe(0)
    expect((await after).value).toBe(0)
    expect(await sandbox.run({ source: 'n++', signal: stop.signal })).toMatchObject({ status: 'cancelled' })
    expect((await sandbox.run({ source: 'n' })).value).toBe(0)
    await sandbox.dispose()
  })

  test('a stream that is left before its turn never begins', async () => {
    const sandbox = await open()
    const long = sandbox.run({ source: `globalThis.n = 0; ${wait(100)}; n` })
    const stream = sandbox.stream({ source: 'n++' })
    const next = stream.next()
    await stream.return?.()
    expect(await next).toEqual({ done: true, value: undefined })
    await long
    expect((await sandbox.run({ source: 'n' })).value).toBe(0)
    await sandbox.dispose()
  })

  test('no more than 1,024 can wait: the next one is refused with TOKA_SANDBOX_BUSY, and the others go on', async () => {
    const sandbox = await open()
    const stop = new AbortController()
    const first = sandbox.run({ source: `${wait(100)}; 1` })
    const waiting = Array.from({ length: BORDER.turns - 1 }, () => sandbox.run({ source: '1', signal: stop.signal }))
    await expect(sandbox.run({ source: '1' })).rejects.toMatchObject({ code: 'TOKA_SANDBOX_BUSY' })
    await expect(sandbox.fork()).rejects.toMatchObject({ code: 'TOKA_SANDBOX_BUSY' })
    await expect(sandbox.snapshot()).rejects.toMatchObject({ code: 'TOKA_SANDBOX_BUSY' })
    stop.abort()
    expect(new Set((await Promise.all(waiting)).map(({ status }) => status))).toEqual(new Set(['cancelled']))
    expect((await sandbox.run({ source: '2' })).value).toBe(2)
    expect((await first).value).toBe(1)
    await expect(sandbox.snapshot({ wait: false })).resolves.toBeInstanceOf(Uint8Array)
    await sandbox.dispose()
  })

  test('a fork and a snapshot wait no longer than their signal', async () => {
    const sandbox = await open()
    const running = sandbox.run({ source: `${wait(200)}; 7` })
    const stop = new AbortController()
    const waiting = Promise.allSettled([
      sandbox.fork({ signal: stop.signal }),
      sandbox.snapshot({ signal: stop.signal }),
    ])
    stop.abort()
    for (const end of await waiting) expect(end).toMatchObject({ reason: { code: 'TOKA_CANCELLED' } })
    await expect(sandbox.fork({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'TOKA_CANCELLED' })
    await expect(sandbox.snapshot({ signal: {} as AbortSignal })).rejects.toMatchObject({
      code: 'TOKA_REQUEST_INVALID',
    })
    expect((await running).value).toBe(7)
    const twin = await sandbox.fork({ signal: new AbortController().signal })
    expect((await twin.run({ source: '8' })).value).toBe(8)
    await Promise.all([twin.dispose(), sandbox.dispose()])
  })

  test('disposal kills what runs and refuses what waits with TOKA_SANDBOX_CLOSED', async () => {
    const sandbox = await open()
    const running = sandbox.run({ source: wait(20_000) })
    const waiting = [
      sandbox.run({ source: '1' }),
      sandbox.fork(),
      sandbox.snapshot(),
      sandbox.stream({ source: '1' }).next(),
    ]
    const ends = Promise.allSettled(waiting)
    await new Promise((resolve) => setTimeout(resolve, 20))
    await sandbox.dispose()
    expect((await running).status).toBe('cancelled')
    for (const end of await ends) expect(end).toMatchObject({ reason: { code: 'TOKA_SANDBOX_CLOSED' } })
  })
})
