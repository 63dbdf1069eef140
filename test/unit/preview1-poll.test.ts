/** Waiting in WASI preview 1: clocks, inputs, what is ready at once, and what cannot be waited for. */
import { describe, expect, test } from 'vitest'
import { E, Preview1World, ROOT } from '../preview1-world.ts'

const IN = 2_048
const EVENTS = 8_192

type Wish = { clock: number; ns: bigint; absolute?: boolean } | { read: number } | { write: number }

async function poll(
  it: Preview1World,
  wishes: readonly Wish[],
): Promise<{ user: number; error: number; type: number }[] | number> {
  const { view } = it
  wishes.forEach((wish, at) => {
    const start = IN + at * 48
    view.write(start, new Uint8Array(48))
    view.setU64(start, BigInt(at))
    if ('clock' in wish) {
      view.setU32(start + 16, wish.clock)
      view.setU64(start + 24, wish.ns)
      view.write(start + 40, new Uint8Array([wish.absolute ? 1 : 0]))
    } else {
      view.write(start + 8, new Uint8Array(['read' in wish ? 1 : 2]))
      view.setU32(start + 16, 'read' in wish ? wish.read : wish.write)
    }
  })
  const answer = await it.call('poll_oneoff', IN, EVENTS, wishes.length, it.out)
  if (answer !== E.success) return answer
  return Array.from({ length: view.u32(it.out) }, (_, at) => {
    const start = EVENTS + at * 32
    return { user: Number(view.u64(start)), error: view.u16(start + 8), type: view.u8(start + 10) }
  })
}

const MS = 1_000_000n

describe('poll_oneoff', () => {
  test('waits for the soonest time', async () => {
    const it = new Preview1World()
    const started = performance.now()
    const wishes = [
      { clock: 1, ns: 5_000n * MS },
      { clock: 1, ns: 20n * MS },
      { clock: 0, ns: 20n * MS },
    ]
    expect(await poll(it, wishes)).toMatchObject([{ user: 1 }, { user: 2 }])
    expect(performance.now() - started).toBeGreaterThan(15)
  })

  test('takes absolute times, also those that are over', async () => {
    const it = new Preview1World()
    expect(await poll(it, [{ clock: 0, ns: 1n, absolute: true }])).toMatchObject([{ user: 0, type: 0, error: 0 }])
    const soon = BigInt(Date.now() + 20) * MS
    expect(await poll(it, [{ clock: 0, ns: soon, absolute: true }])).toMatchObject([{ user: 0 }])
  })

  test('jumps under a virtual clock', async () => {
    const it = new Preview1World({ deterministic: { seed: 's', start: '2026-01-01T00:00:00Z' } })
    const started = performance.now()
    expect(await poll(it, [{ clock: 1, ns: 3_600_000n * MS }])).toMatchObject([{ user: 0 }])
    expect(performance.now() - started).toBeLessThan(5_000)
    await it.ok('clock_time_get', 1, 0n, it.out)
    expect(it.view.u64(it.out)).toBeGreaterThanOrEqual(3_600_000n * MS)
  })

  test('tells at once what is ready, and the error of what can never be', async () => {
    const it = new Preview1World({ process: { stdin: 'x' } })
    const file = await it.open('given')
    const events = await poll(it, [
      { clock: 1, ns: 10_000n * MS },
      { read: 0 },
      { write: 1 },
      { read: file },
      { read: 99 },
      { read: ROOT },
      { clock: 9, ns: 0n },
    ])
    expect(events).toEqual([
      { user: 1, error: 0, type: 1 },
      { user: 2, error: 0, type: 2 },
      { user: 3, error: 0, type: 1 },
      { user: 4, error: E.badf, type: 1 },
      { user: 5, error: E.badf, type: 1 },
      { user: 6, error: E.inval, type: 0 },
    ])
  })

  test('waits for input, and no longer than the time', async () => {
    let give = (_piece: string | undefined): void => {}
    const pull = () => new Promise<string | undefined>((resolve) => (give = resolve))
    const it = new Preview1World({ process: { stdin: { pull, cancel: () => {} } } })
    expect(await poll(it, [{ read: 0 }, { clock: 1, ns: 10n * MS }])).toMatchObject([{ user: 1, type: 0 }])
    setTimeout(() => give('late'), 10)
    expect(await poll(it, [{ read: 0 }, { clock: 1, ns: 5_000n * MS }])).toEqual([{ user: 0, error: 0, type: 1 }])
    expect(await it.read(0)).toBe('late')
  })

  test('leaves no timer behind when input comes first', async () => {
    let give = (_piece: string | undefined): void => {}
    const pull = () => new Promise<string | undefined>((resolve) => (give = resolve))
    const it = new Preview1World({ process: { stdin: { pull, cancel: () => {} } } })
    for (let turn = 0; turn < 5_000; turn++) {
      const events = poll(it, [{ read: 0 }, { clock: 1, ns: 600_000n * MS }])
      give('x')
      expect(await events).toMatchObject([{ user: 0 }])
      await it.read(0)
    }
  }, 60_000)

  test('refuses no wish, too many, unknown kinds and pointers outside', async () => {
    const it = new Preview1World()
    expect(await poll(it, [])).toBe(E.inval)
    expect(await it.call('poll_oneoff', IN, EVENTS, 1_025, it.out)).toBe(E.inval)
    it.view.write(IN + 8, new Uint8Array([3]))
    expect(await it.call('poll_oneoff', IN, EVENTS, 1, it.out)).toBe(E.inval)
    expect(await it.call('poll_oneoff', -48, EVENTS, 1, it.out)).toBe(E.fault)
    expect(await it.call('poll_oneoff', IN, -8, 1, it.out)).toBe(E.fault)
  })
})
