/** Time, randomness, and kernels forked or restored. */
import { describe, expect, test } from 'vitest'
import { chachaBlock } from '../../src/kernel/chacha20.ts'
import { Kernel } from '../../src/kernel/kernel.ts'
import { Operation } from '../../src/kernel/operations.ts'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { boot, concat, f64, Guest, port, u32 } from './kernel-guest.ts'

const later = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** A promise and its handles. */
function _held<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let resolve: (value: T) => void = () => {}
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

describe('time', () => {
  test('the clock starts at the request’s time, is coarse, and advances by itself', async () => {
    const startMs = Date.UTC(2030, 0, 1)
    const { guest } = boot({ startMs })
    const first = await guest.now()
    expect(first - startMs).toBeLessThan(1_000)
    expect(Number.isInteger(first)).toBe(true)
    expect(Number.isInteger(await guest.now(1))).toBe(true)
    await later(15)
    expect((await guest.now()) - first).toBeGreaterThanOrEqual(10)
    await expect(guest.now(2)).rejects.toMatchObject({ code: 'EINVAL' })
  })

  test('a precise clock is asked for at each reading, so that a revocation counts', async () => {
    let precise = true
    const { guest } = boot({ port: port({ preciseClock: () => precise }) })
    const readings = await Promise.all(Array.from({ length: 20 }, () => guest.now(1)))
    expect(readings.some((reading) => !Number.isInteger(reading))).toBe(true)
    precise = false
    expect(Number.isInteger(await guest.now(1))).toBe(true)
  })

  test('a sleep waits for real and is cut short by the end of the run, its timer gone', async () => {
    const { guest, kernel } = boot()
    const start = performance.now()
    await guest.sleep(20)
    expect(performance.now() - start).toBeGreaterThanOrEqual(18)
    const long = guest.sleep(Number.POSITIVE_INFINITY)
    await Promise.resolve()
    kernel.process.end()
    await expect(long).rejects.toMatchObject({ code: 'ECANCELED' })
    await expect(boot().guest.sleep(Number.NaN)).rejects.toMatchObject({ code: 'EINVAL' })
    await boot().guest.sleep(-5)
  })

  test('virtual: sleeps jump, the earliest wakes first, and a loop over readings gets on', async () => {
    const { guest } = boot({ deterministic: { seed: 's', start: '2026-01-01T00:00:00Z' } })
    const start = performance.now()
    const order: string[] = []
    await Promise.all([
      guest.sleep(3_600_000).then(() => order.push('hour')),
      guest.sleep(60_000).then(async () => {
        order.push('minute')
        await guest.sleep(1_000)
        order.push('second more')
      }),
    ])
    expect(order).toEqual(['minute', 'second more', 'hour'])
    expect(performance.now() - start).toBeLessThan(1_000)
    expect(await guest.now()).toBe(Date.UTC(2026, 0, 1, 1))
    const before = await guest.now(1)
    let readings = 0
    while ((await guest.now(1)) < before + 2) readings++
    expect(readings).toBeLessThan(2_100)
  })

  test('virtual: a sleep without an end leaves a clock that can be read, forked and restored', async () => {
    const deterministic = { seed: 's', start: '2026-01-01T00:00:00Z' }
    const { guest, kernel } = boot({ deterministic })
    for (const milliseconds of [Number.POSITIVE_INFINITY, Number.MAX_VALUE, 1]) await guest.sleep(milliseconds)
    // Guests read 64 bits of nanoseconds.
    expect(Math.floor(await guest.now())).toBe(Math.floor(2 ** 63 / 1e6))
    const options = { port: port(), limits: DEFAULT_LIMITS, deterministic }
    for (const twin of [kernel.fork(options), Kernel.restore(kernel.serialize(), options)])
      expect(await new Guest(twin.process).now()).toBe(await guest.now())
  })

  test('virtual: a sleep that was ended moves no clock', async () => {
    const { guest, kernel } = boot({ deterministic: { seed: 's', start: '2026-01-01T00:00:00Z' } })
    const sleep = guest.sleep(3_600_000)
    await Promise.resolve()
    kernel.process.end()
    await expect(sleep).rejects.toMatchObject({ code: 'ECANCELED' })
    await later(5)
    expect(kernel.clock.elapsedMs).toBe(0)
  })

  test('virtual: a start that is no date is refused', () => {
    expect(() => boot({ deterministic: { seed: 's', start: 'tomorrow' } })).toThrow(
      expect.objectContaining({ code: 'TOKA_REQUEST_INVALID' }),
    )
  })
})

describe('randomness', () => {
  test('is real by default and never repeats', async () => {
    const [a, b] = [await boot().guest.random(32), await boot().guest.random(32)]
    expect(a).not.toEqual(b)
    expect(await boot().guest.random(0)).toHaveLength(0)
    expect(new Set(await boot().guest.random(65_536)).size).toBe(256)
  })

  test('is a function of the seed where a run is deterministic, in whatever pieces it is asked for', async () => {
    const seeded = (seed: string): Guest => boot({ deterministic: { seed, start: '2026-01-01' } }).guest
    const whole = await seeded('a').random(200)
    const one = seeded('a')
    expect(concat(await one.random(1), await one.random(63), await one.random(0), await one.random(136))).toEqual(whole)
    expect(await seeded('b').random(200)).not.toEqual(whole)
    expect(await seeded('a').random(8)).not.toEqual(await seeded('a\0').random(8))
    expect(await seeded('').random(8)).not.toEqual(await seeded('\0').random(8))
    expect(await seeded('x'.repeat(100)).random(8)).not.toEqual(await seeded('x'.repeat(101)).random(8))
  })
})

test('ChaCha20 gives the block of RFC 8439, section 2.3.2', () => {
  const key = Uint32Array.from({ length: 8 }, (_, word) => word * 0x04040404 + 0x03020100)
  const block = chachaBlock(key, 1, Uint32Array.of(0x09000000, 0x4a000000, 0))
  expect(Array.from(block, (word) => word.toString(16).padStart(8, '0')).join(' ')).toBe(
    'e4e7f110 15593bd1 1fdd0f50 c47120a3 c7f4d1c7 0368c033 9aaa2204 4e6cd4c3 466482d2 09aa9f07 05d7c214 a2028bd9 d19c12b5 b94e16de e883d0cb 4e3c50a2',
  )
})

describe('a kernel forked or restored', () => {
  const deterministic = { seed: 's', start: '2026-01-01T00:00:00Z' }
  const options = { port: port(), limits: DEFAULT_LIMITS, deterministic }

  test('a fork has the files, the directory and the time, and random bytes of its own; no descriptor', async () => {
    const { guest, kernel } = boot({ deterministic })
    await guest.writeFile('/tmp/a', 'a')
    await guest.chdir('/tmp')
    await guest.sleep(5_000)
    const fd = await guest.open('a')
    const twin = new Guest(kernel.fork(options).process)
    expect(await twin.readFile('a')).toBe('a')
    expect(await twin.now()).toBe(await guest.now())
    await expect(twin.read(fd)).rejects.toMatchObject({ code: 'EBADF' })
    expect(await twin.random(16)).not.toEqual(await guest.random(16))
    await twin.writeFile('a', 'b')
    expect(await guest.readFile('a')).toBe('a')
  })

  test('serialized and restored with the same request, two kernels give the same bytes', async () => {
    const { guest, kernel } = boot({ deterministic })
    await guest.writeFile('/tmp/a', 'a')
    await guest.chdir('/tmp')
    await guest.sleep(1_000)
    const image = kernel.serialize()
    const [one, two] = [
      new Guest(Kernel.restore(image, options).process),
      new Guest(Kernel.restore(image, options).process),
    ]
    expect(await one.cwd()).toBe('/tmp')
    expect(await one.readFile('a')).toBe('a')
    expect(await one.now()).toBe(Date.UTC(2026, 0, 1) + 1_000)
    const random = await one.random(32)
    expect(await two.random(32)).toEqual(random)
    const other = new Guest(
      Kernel.restore(image, { ...options, deterministic: { ...deterministic, seed: 'other' } }).process,
    )
    expect(await other.random(32)).not.toEqual(random)
  })
})

test('an argument that is too short or too long is EINVAL, and never more than that', async () => {
  const { guest } = boot()
  const short = [
    Operation.FdWrite,
    Operation.FdRead,
    Operation.FdClose,
    Operation.FdStat,
    Operation.FdTruncate,
    Operation.FdSync,
    Operation.PathOpen,
    Operation.PathStat,
    Operation.PathList,
    Operation.ClockNow,
    Operation.ClockSleep,
    Operation.RandomFill,
    Operation.ToolCall,
  ]
  for (const operation of short)
    await expect(guest.call(operation, new Uint8Array(3))).rejects.toMatchObject({ code: 'EINVAL' })
  const long = [
    Operation.FdClose,
    Operation.FdStat,
    Operation.FdSync,
    Operation.ClockNow,
    Operation.ClockSleep,
    Operation.RandomFill,
    Operation.ProcessInfo,
    Operation.ToolList,
    Operation.DirectoryCurrent,
  ]
  for (const operation of long)
    await expect(guest.call(operation, concat(f64(1), u32(1)))).rejects.toMatchObject({ code: 'EINVAL' })
})
