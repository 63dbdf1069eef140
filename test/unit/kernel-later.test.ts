/** Promises that a waiting thread settles: what follows from them runs when it says so, and by itself otherwise. */
import { describe, expect, test } from 'vitest'
import { Later, promiseAfter, runLater } from '../../src/kernel/later.ts'
import { run, wait } from '../../src/kernel/steps.ts'

function open<T>(): { later: Later<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const later = new Later<T>((one, other) => {
    resolve = one
    reject = other
  })
  return { later, resolve, reject }
}

describe('a Later', () => {
  test('goes on without the event loop: through then, catch, finally and steps', () => {
    const { later, resolve } = open<number>()
    const told: unknown[] = []
    const steps = function* () {
      const one = yield* wait(later.then((value) => value + 1))
      try {
        yield* wait(broken.later.catch((error: unknown) => Later.reject(error)))
      } catch (error) {
        return [one, error]
      }
    }
    const broken = open<number>()
    const all = run(steps()) as Later<unknown>
    const last = later.finally(() => told.push('finally')).then((value) => told.push(value))
    expect([last, all].every((one) => one instanceof Later)).toBe(true)
    resolve(1)
    expect(told).toEqual([])
    runLater()
    expect(told).toEqual(['finally', 1])
    expect(all.isSettled).toBe(false)
    broken.reject('broken')
    runLater()
    expect(all.now()).toEqual([2, 'broken'])
  })

  test('runs what follows in order, and never inside whoever settles it', () => {
    const told: number[] = []
    const [first, second] = [open<void>(), open<void>()]
    void second.later.then(() => told.push(3))
    void first.later.then(() => told.push(1))
    void first.later.then(() => {
      told.push(2)
      second.resolve()
      expect(told).toEqual([1, 2])
    })
    first.resolve()
    runLater()
    expect(told).toEqual([1, 2, 3])
  })

  test('is a promise to everybody else', async () => {
    const { later, resolve } = open<number>()
    setTimeout(() => resolve(1), 1)
    expect(await later).toBe(1)
    expect(await Promise.all([later, later.then((value) => value * 2), Later.resolve(3)])).toEqual([1, 2, 3])
    await expect(Later.reject(new Error('x'))).rejects.toThrow('x')
    expect(await Promise.race([open<number>().later, later])).toBe(1)
    expect(await new Later((done) => done(Promise.resolve(4)))).toBe(4)
  })

  test('comes to one thing, whatever is said later; before that it has none', () => {
    const { later, resolve, reject } = open<number>()
    expect(() => later.now()).toThrow(expect.objectContaining({ code: 'ECANCELED' }))
    resolve(1)
    reject(new Error('late'))
    resolve(2)
    expect(later.now()).toBe(1)
    const thrown = new Later(() => {
      throw new Error('at once')
    })
    expect(() => thrown.now()).toThrow('at once')
  })

  test('that fails and has no listener harms nobody', async () => {
    const faults: unknown[] = []
    const onFault = (fault: unknown): void => void faults.push(fault)
    if (typeof process === 'object') process.on('unhandledRejection', onFault)
    else addEventListener('unhandledrejection', onFault)
    open<void>().reject(new Error('nobody'))
    void Later.reject(new Error('nobody')).then(() => {})
    await new Promise((resolve) => setTimeout(resolve, 5))
    if (typeof process === 'object') process.off('unhandledRejection', onFault)
    else removeEventListener('unhandledrejection', onFault)
    expect(faults).toEqual([])
  })
})

test('what waits for a promise is of its kind', () => {
  expect(promiseAfter(Later.resolve(1), () => {})).toBeInstanceOf(Later)
  expect(promiseAfter(Promise.resolve(1), () => {})).not.toBeInstanceOf(Later)
})
