/** A hostile component: whatever it does it ends on time, within its memory, by a trap, and leaves the host as it was. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { assembled, ComponentBench } from '../component-bench.ts'

let bench: ComponentBench

beforeAll(async () => {
  bench = await ComponentBench.open(assembled('hostile'), { memoryBytes: 2 ** 24 })
})

afterAll(() => bench.dispose())

const DEADLINE = 60
/** A machine under load gives the thread away for longer than the guest overshoots. */
const LATEST = 1_000

test.each(['forever', 'busy', 'swallow'])('%s ends at its deadline', async (name) => {
  await bench.callFor(DEADLINE, 'set-mode', 0)
  const ended = await bench.callFor(DEADLINE, name)
  expect(ended).toMatchObject({ stopped: 'time', lost: true })
  expect(ended.elapsedMs).toBeLessThan(LATEST)
})

test('a loop that grows its memory stops at what all of its memories may have', async () => {
  const ended = await bench.callFor(DEADLINE, 'grow')
  expect(ended).toMatchObject({ stopped: 'time', lost: true })
  expect(bench.memoryBytes).toBeLessThanOrEqual(2 ** 24)
})

test.each(['deep', 'across'])('recursion by %s ends as such, in one core module or over two', async (name) => {
  expect(await bench.call(name, 1)).toMatchObject({ stopped: 'stack', lost: true })
})

test('an end that is asked for is one, whatever catches it', async () => {
  expect(await bench.call('exit')).toMatchObject({ exitCode: 1, lost: true })
})

test.each([
  ['trap', /unreachable/],
  ['throw', /the component trapped/],
] as const)('%s is a trap of the guest', async (name, reason) => {
  const ended = await bench.call(name)
  expect(ended.error?.code).toBe('TOKA_GUEST_TRAP')
  expect(ended.error?.message).toMatch(reason)
})

const ALLOCATORS: readonly (readonly [mode: number, what: string, reason: RegExp])[] = [
  [1, 'does not return', /its allocator does not return/],
  [2, 'calls out', /it calls out of its allocator/],
  [3, 'answers what is outside', /a pointer leads out of its memory/],
  [4, 'answers what ends outside', /a pointer leads out of its memory/],
  [6, 'asks to end', /it calls out of its allocator/],
]

test.each(ALLOCATORS)('an allocator (%i) that %s is a trap', async (mode, _, reason) => {
  await bench.value('set-mode', mode)
  const ended = await bench.call('length', 'some text')
  expect(ended.error?.code).toBe('TOKA_GUEST_TRAP')
  expect(ended.error?.message).toMatch(reason)
  expect(ended.lost).toBe(true)
})

test('an allocator that answers what is not aligned is a trap', async () => {
  await bench.value('set-mode', 5)
  const ended = await bench.call('lengths', [1n])
  expect(ended.error?.message).toBe('the component trapped: a pointer is not aligned to 8 bytes')
})

test('what tidies up after a call may not call out', async () => {
  expect((await bench.call('post', 1)).error?.message).toMatch(/it calls out of its allocator, or while it tidies up/)
})

test('after every one of these the component works again', async () => {
  await bench.value('set-mode', 0)
  expect(await bench.value('length', 'abc')).toBe(3)
})

test('every call of an import is counted, and each has ended in one way', async () => {
  const { counted, local, allowed, denied } = bench.bench.gate.counters()
  expect(counted).toBeGreaterThan(0)
  expect(counted).toBe(local + allowed + denied)
})
