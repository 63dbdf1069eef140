/** A hostile component: whatever it does it ends on time, within its memory, by a trap, and leaves the host as it was. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Writer } from '../../src/loader/writer.ts'
import { assembled, ComponentBench } from '../component-bench.ts'
import { buildModule } from '../loader-modules.ts'

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

type Section = readonly [id: number, body: ArrayLike<number>]

/** A component of one core module, and what is told of it. */
function componentOf(module: Uint8Array, ...sections: readonly Section[]): Uint8Array<ArrayBuffer> {
  const component = new Writer().raw([0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00])
  for (const [id, body] of [[1, module] as const, [2, [1, 0, 0, 0]] as const, ...sections])
    component.byte(id).sized(new Writer().raw(body))
  return component.finish()
}

/** Takes a list of texts; its allocator counts down at each call. */
function slowAllocator(from: number): Uint8Array<ArrayBuffer> {
  const countDown = [0x41, ...new Writer().s32(from).finish(), 0x21, 4]
  const turn = [0x03, 0x40, 0x20, 4, 0x41, 1, 0x6b, 0x22, 4, 0x0d, 0, 0x0b]
  const params = ['i32', 'i32', 'i32', 'i32'] as const
  const module = buildModule({
    memory: { minimum: 4, name: 'm' },
    functions: [
      { name: 'r', params, results: ['i32'], locals: ['i32'], code: [...countDown, ...turn, 0x41, 8] },
      { name: 'f', params: ['i32', 'i32'], results: ['i32'], code: [0x20, 1] },
    ],
  })
  return componentOf(
    module,
    [6, [3, 0, 2, 1, 0, 1, 0x6d, 0, 0, 1, 0, 1, 0x72, 0, 0, 1, 0, 1, 0x66]],
    [7, [2, 0x70, 0x73, 0x40, 1, 1, 0x61, 0, 0, 0x79]],
    [8, [1, 0, 0, 1, 2, 3, 0, 4, 0, 1]],
    [11, [1, 0, 1, 0x66, 1, 0, 0]],
  )
}

test('calls of an allocator are bounded together: one list cannot hold the thread by many', async () => {
  const slow = await ComponentBench.open(slowAllocator(400_000))
  expect(await slow.value('f', ['a'])).toBe(1)
  expect(await slow.value('f', ['a'])).toBe(1)
  const ended = await slow.call(
    'f',
    Array.from({ length: 200 }, () => 'a'),
  )
  expect(ended.error?.message).toMatch(/its allocator does not return/)
  slow.dispose()
})

test('a long list is lowered in pieces, between which others have the thread, by an allocator that takes its time', async () => {
  const slow = await ComponentBench.open(slowAllocator(500))
  const texts = Array.from({ length: 30_000 }, () => 'a')
  const ended = await slow.call('f', texts)
  expect(ended).toMatchObject({ exitCode: 0, value: 30_000 })
  expect(ended.fuel).toBeGreaterThan(30_000_000)
  slow.dispose()
})

/** Answers a list of 30,000 values of flags with 26 labels each. */
function manyFlags(): Uint8Array<ArrayBuffer> {
  const module = buildModule({
    memory: { minimum: 4, name: 'm' },
    functions: [{ name: 'f', results: ['i32'], code: [0x41, 8] }],
    data: [{ offset: 8, bytes: [16, 0, 0, 0, 0x30, 0x75, 0, 0] }],
  })
  const labels = Array.from({ length: 26 }, (_, at) => [1, 0x61 + at]).flat()
  return componentOf(
    module,
    [6, [2, 0, 2, 1, 0, 1, 0x6d, 0, 0, 1, 0, 1, 0x66]],
    [7, [3, 0x6e, 26, ...labels, 0x70, 0, 0x40, 0, 0, 1]],
    [8, [1, 0, 0, 0, 1, 3, 0, 2]],
    [11, [1, 0, 1, 0x66, 1, 0, 0]],
  )
}

test('each label of flags is a value of what a call may move', async () => {
  const many = await ComponentBench.open(manyFlags())
  expect((await many.call('f')).error?.message).toMatch(/it moves more values in one call than a call may/)
  many.dispose()
})
