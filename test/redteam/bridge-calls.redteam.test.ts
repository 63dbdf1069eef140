/** Raw host calls with hostile pointers, sizes and tickets, as a guest that owns its whole memory could make them. */
import { describe, expect, test } from 'vitest'
import { GuestCalls } from '../../src/kernel/guest-calls.ts'

const PAGE = 65_536
const LARGE = new Uint8Array(5_000).fill(7)
const flags = (reply: bigint): number => Number((reply >> 32n) & 0xffn)
const ticketOf = (reply: bigint): number => Number(reply >> 40n)

function callsOf(
  dispatch: (operation: number, argument: Uint8Array) => Uint8Array | Promise<Uint8Array> = () => LARGE,
): GuestCalls {
  const faults = (error: unknown) => {
    throw error
  }
  const calls = new GuestCalls(dispatch, faults, true, { settle: (answer) => answer, mostHeld: () => 2 ** 20 })
  calls.memory = new WebAssembly.Memory({ initial: 1 })
  return calls
}

describe('pointers and sizes', () => {
  const outside: [string, number, number][] = [
    ['beyond the end', PAGE - 1, 2],
    ['far beyond the end', PAGE * 3, 1],
    ['negative', -8, 16],
    ['as large as numbers get', -1, 2 ** 20],
  ]

  test.each(outside)('%s: an argument is not read and the host function throws, which kills', (_name, at, length) => {
    const seen: Uint8Array[] = []
    const calls = callsOf((_, argument) => {
      seen.push(argument)
      return LARGE
    })
    expect(() => calls.call(1, at, length, 0, 100)).toThrow(RangeError)
    expect(() => calls.begin(1, at, length, 0, 100)).toThrow(RangeError)
    expect(seen).toEqual([])
  })

  test.each(outside)('%s: an answer is not written', (_name, at) => {
    const calls = callsOf()
    expect(() => calls.call(1, 0, 0, at, -1)).toThrow(RangeError)
    calls.begin(1, 0, 0, 0, 100)
    expect(() => calls.next(at, 0, 100)).toThrow(RangeError)
    const reply = calls.call(1, 0, 0, 0, 100)
    expect(() => calls.take(ticketOf(reply), at, 5_000)).toThrow(RangeError)
    expect(new Uint8Array(calls.memory.buffer).every((byte) => byte === 0)).toBe(true)
  })

  test('an argument that is too large is refused, whatever the memory holds', () => {
    const reply = callsOf().call(1, 0, -1, 0, 1_000)
    expect(flags(reply) & 1).toBe(1)
  })

  test('a memory that grows in the middle of a call is written where it is now', () => {
    const calls = callsOf(() => {
      calls.memory.grow(1)
      return LARGE
    })
    calls.call(1, 0, 8, PAGE, 5_000)
    expect(new Uint8Array(calls.memory.buffer, PAGE, 5_000)).toEqual(LARGE)
  })
})

describe('tickets', () => {
  test('of a large answer hold once, for their owner, until the next answer or the end', () => {
    const calls = callsOf()
    const [first, second] = [calls.call(1, 0, 0, 0, 8), calls.call(1, 0, 0, 0, 8)].map(ticketOf) as [number, number]
    expect(calls.take(first, 0, 5_000)).toBe(0)
    expect(calls.take(second, 0, 5_000)).toBe(5_000)
    expect(calls.take(second, 0, 5_000)).toBe(0)
    const third = ticketOf(calls.call(1, 0, 0, 0, 8))
    expect(callsOf().take(third, 0, 5_000)).toBe(0)
    calls.close()
    expect(calls.take(third, 0, 5_000)).toBe(0)
  })

  test('of a waiting call answer once; one that nobody gave, or of another run, answers nothing', async () => {
    const calls = callsOf(async () => new Uint8Array([1, 2, 3]))
    const ticket = ticketOf(calls.call(1, 0, 0, 0, 8))
    expect(Number((await calls.wait(ticket, 0, 8)) & 0xffn)).toBe(3)
    for (const other of [ticket, 0, -1, 12_345]) expect(await calls.wait(other, 0, 8)).toBe(0n)
    const late = ticketOf(calls.call(1, 0, 0, 0, 8))
    calls.close()
    expect(await calls.wait(late, 0, 8)).toBe(0n)
  })

  test('a call that ends after its run is delivered to nobody', async () => {
    const answers: ((bytes: Uint8Array) => void)[] = []
    const calls = callsOf(() => new Promise<Uint8Array>((resolve) => answers.push(resolve)))
    calls.begin(1, 0, 0, 0, 8)
    calls.close()
    for (const answer of answers) answer(LARGE)
    await new Promise((resolve) => setTimeout(resolve))
    expect(flags(calls.next(0, 0, 100))).toBe(8)
  })
})

test("a fault of ours in an answer that a killed guest never waited for is nobody's unhandled rejection", async () => {
  const heard = new WeakSet<object>()
  const made: object[] = []
  /** Knows of each promise that comes of an answer whether somebody listens to it. */
  class Answer extends Promise<Uint8Array> {
    override then<A = Uint8Array, B = never>(
      done?: ((value: Uint8Array) => A | PromiseLike<A>) | null,
      failed?: ((reason: unknown) => B | PromiseLike<B>) | null,
    ): Promise<A | B> {
      heard.add(this)
      const next = super.then(done, failed)
      if (made.length === 0) made.push(next)
      return next
    }
  }
  const calls = callsOf(() => new Answer((_, reject) => setTimeout(() => reject(new Error('ours')), 1)))
  calls.call(1, 0, 0, 0, 100)
  calls.close()
  expect(made.map((outcome) => heard.has(outcome))).toEqual([true])
  await Promise.allSettled(made as Promise<unknown>[])
})
