/** A hostile component of WASI 0.3: whatever it begins and never takes, the host holds little for it and keeps the thread for nobody. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { assembled, ComponentBench, type Ended } from '../component-bench.ts'

const faults: unknown[] = []
const onFault = (event: unknown): void => void faults.push(event)
beforeEach(() => {
  faults.length = 0
  if (typeof process === 'object') process.on('unhandledRejection', onFault)
  else addEventListener('unhandledrejection', onFault)
})
afterEach(async () => {
  await new Promise((resolve) => setTimeout(resolve, 5))
  if (typeof process === 'object') process.off('unhandledRejection', onFault)
  else removeEventListener('unhandledrejection', onFault)
  expect(faults).toEqual([])
})

async function callOf(method: string, ...args: number[]): Promise<Ended> {
  const bench = await ComponentBench.open(assembled('async-hostile'))
  try {
    return await bench.callFor(20_000, method, ...args)
  } finally {
    bench.dispose()
  }
}

const trapOf = (message: RegExp) => ({ code: 'TOKA_GUEST_TRAP', message: expect.stringMatching(message) })

test('the streams that the host reads before it had its turn are bounded', async () => {
  expect((await callOf('give-much', 1_000)).value).toBe(0)
  expect((await callOf('give-much', 1_100)).error).toMatchObject(trapOf(/more than 1024 of its streams/))
})

test('waits are bounded, and those of a guest that began too many fail for nobody', async () => {
  expect((await callOf('wait-often', 1_000)).value).toBe(0)
  expect((await callOf('wait-often', 1_100)).error).toMatchObject(trapOf(/more than 1024 things/))
})

test('calls of itself through the component are bounded before the native stack is full', async () => {
  expect((await callOf('recurse', 50)).value).toBe(50)
  expect((await callOf('recurse', 100_000)).error).toMatchObject(
    trapOf(/more than 100 calls of it lie within each other/),
  )
})

test('a thousand tasks that wait for a large set cost little more than one', async () => {
  const small = await callOf('wait-wide', 30_000, 1)
  const large = await callOf('wait-wide', 30_000, 1_000)
  expect([small.error, large.error]).toEqual([trapOf(/unreachable/), trapOf(/unreachable/)])
  expect(large.elapsedMs - small.elapsedMs).toBeLessThan(3_000)
})

test('a file that is copied onto itself many times at once ends at the deadline: between two pieces it is looked at', async () => {
  const bench = await ComponentBench.open(assembled('wasi3'), { fileBytes: 2 ** 26 })
  bench.bench.kernel.files.put('/large', new Uint8Array(2 ** 24))
  const [[root]] = (await bench.value('wasi-filesystem-preopens-get-directories')) as [[unknown, string]]
  const open = async () => {
    const path = [root, {}, 'large', {}, { read: true, write: true }]
    return ((await bench.value('wasi-filesystem-types-method-descriptor-open-at', ...path)) as { val: unknown }).val
  }
  const [from, to] = [await open(), await open()]
  const ended = await bench.callFor(1_000, 'copies', from, to, 300)
  expect(ended.stopped).toBe('time')
  expect(ended.elapsedMs).toBeLessThan(2_500)
  bench.dispose()
})
