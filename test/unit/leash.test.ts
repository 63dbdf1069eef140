/** A run's leash: what is awaited under it, and how its slices follow the time that they take. */
import { describe, expect, it, vi } from 'vitest'
import { Verdict } from '../../src/engine.ts'
import { RunLeash } from '../../src/sandbox/leash.ts'

const never = new Promise<number>(() => {})

describe('work of the host before the guest is entered', () => {
  it('ends with the deadline', async () => {
    const leash = new RunLeash({ timeoutMs: 20, fuel: Infinity })
    expect(await leash.until(never)).toBeUndefined()
    expect(leash.stopped).toBe('time')
    leash.done()
  })

  it('ends with the cancellation', async () => {
    const cancel = new AbortController()
    const leash = new RunLeash({ timeoutMs: 60_000, fuel: Infinity }, { signal: cancel.signal })
    const waiting = leash.until(never)
    cancel.abort()
    expect(await waiting).toBeUndefined()
    expect(leash.stopped).toBe('cancelled')
    leash.done()
  })

  it('leaves the leash to the engine: its own wait is ended too', async () => {
    const leash = new RunLeash({ timeoutMs: 60, fuel: Infinity })
    expect(await leash.until(Promise.resolve(5))).toBe(5)
    expect(leash.stopped).toBeUndefined()
    await new Promise<void>((resolve) => leash.watch(resolve))
    expect(leash.stopped).toBe('time')
    leash.done()
  })
})

describe('a slice', () => {
  it('is shorter after one that took long, and grows again after short ones', async () => {
    const clock = vi.spyOn(performance, 'now')
    try {
      let now = performance.now()
      clock.mockImplementation(() => now)
      const leash = new RunLeash({ timeoutMs: 60_000, fuel: Infinity })
      await leash.enter()
      const first = leash.slice
      now += 5
      leash.spent(first)
      expect(leash.slice).toBeLessThan(first / 10)
      for (let i = 0; i < 10; i++) {
        now += 0.01
        leash.spent(leash.slice)
      }
      expect(leash.slice).toBe(first)
      leash.done()
    } finally {
      clock.mockRestore()
    }
  })

  it('is never more than the fuel that is left', async () => {
    const leash = new RunLeash({ timeoutMs: 60_000, fuel: 1_000 })
    await leash.enter()
    expect(leash.slice).toBe(1_000)
    expect(leash.spent(400)).not.toBe(Verdict.kill)
    expect(leash.slice).toBe(600)
    expect(leash.spent(601)).toBe(Verdict.kill)
    expect(leash.stopped).toBe('fuel')
    leash.done()
  })
})
