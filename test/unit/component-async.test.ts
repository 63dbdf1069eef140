/** What runs at the same time inside a component: tasks, subtasks, streams and futures, each rule of the model once. */
import { describe, expect, test } from 'vitest'
import { allowSuspension, canSuspend } from '../../src/loader/suspension.ts'
import { assembled, ComponentBench, type Ended } from '../component-bench.ts'
import { skipReasons } from '../skip-reasons.ts'

async function callOf(name: 'tasks' | 'channels', method: string, ms = 2_000): Promise<Ended> {
  const bench = await ComponentBench.open(assembled(name))
  try {
    return await bench.callFor(ms, method)
  } finally {
    bench.dispose()
  }
}

describe('tasks', () => {
  const ANSWERS: readonly (readonly [name: string, value: number, what: string])[] = [
    ['returns', 42, 'a call goes on behind its caller, which hears of its end and has its result'],
    ['cancels', 4, 'a call that waits is cancelled, and agrees to it'],
    ['presses', 3, 'a call does not begin while its instance presses back, and is cancelled before it began'],
  ]
  test.each(ANSWERS)('%s: %i', async (name, value) => {
    const ended = await callOf('tasks', name)
    if (name === 'returns' && !(await canSuspend())) expect(ended.error?.code).toBe('TOKA_CALL_BLOCKING')
    else expect(ended).toMatchObject({ value })
  })

  test('others go first when a task yields, so that what it looks for comes about', async ({ skip }) => {
    skip(!(await canSuspend()), skipReasons.noJspi)
    const { value } = await callOf('tasks', 'yields')
    expect(value).toBeGreaterThanOrEqual(1)
    expect(value).toBeLessThan(10)
  })

  const TRAPS: readonly (readonly [name: string, message: RegExp])[] = [
    ['never', /task\.return was not called/],
    ['twice', /a task returns twice/],
    ['odd', /a callback answers 7/],
    ['uncalled-for', /cancelled that nobody wanted cancelled/],
    ['releases-too-often', /backpressure\.dec/],
    ['drops-early', /before its end was told/],
    ['cancels-twice', /whose end was told/],
    ['drops-a-set-in-use', /that something is in/],
    ['takes-a-set-for-a-subtask', /is not what it is used as, but a set/],
    ['many', /more than 1024 tasks at once/],
    ['sets', /more than 65536 handles/],
  ]
  test.each(TRAPS)('%s is a trap', async (name, message) => {
    const ended = await callOf('tasks', name, 10_000)
    expect(ended.error).toMatchObject({ code: 'TOKA_GUEST_TRAP', message: expect.stringMatching(message) })
  })

  const WAITS: readonly (readonly [name: string, message: RegExp])[] = [
    ['waits-for-nothing', /waits for what never comes/],
    ['not-async-and-waits', /not async waits/],
    ['waits-out-of-bounds', /out of its memory/],
  ]
  test.each(WAITS)('%s is a trap, and where nothing can wait it says so', async (name, message) => {
    const { error } = await callOf('tasks', name)
    if (await canSuspend())
      expect(error).toMatchObject({ code: 'TOKA_GUEST_TRAP', message: expect.stringMatching(message) })
    else expect(error?.code).toBe('TOKA_CALL_BLOCKING')
  })

  test('a component that trapped is gone: the next call begins with a new one', async () => {
    const bench = await ComponentBench.open(assembled('tasks'))
    expect((await bench.call('drops-early')).error?.code).toBe('TOKA_GUEST_TRAP')
    expect(await bench.value('cancels')).toBe(4)
    bench.dispose()
  })
})

describe('streams and futures', () => {
  const ANSWERS: readonly (readonly [name: string, value: unknown])[] = [
    ['pieces', 0x80],
    ['cancelled-read', 2],
    ['cancelled-write', 0x32],
    ['dropped', 1],
    ['nothing-is-ready', -1 >>> 0],
    ['future', 4_000_000_000_000n],
    ['message', 'abcdefgh'],
  ]
  test.each(ANSWERS)('%s', async (name, value) => {
    const ended = await callOf('channels', name)
    expect(ended.error).toBeUndefined()
    expect(ended.value).toEqual(value)
  })

  const TRAPS: readonly (readonly [name: string, message: RegExp])[] = [
    ['future-unwritten', /before something was written/],
    ['future-misaligned', /not aligned/],
    ['drop-while-copying', /dropped while it copies/],
    ['read-while-copying', /not at rest/],
    ['cancel-nothing', /not under way/],
    ['read-after-the-end', /not at rest/],
    ['out-of-bounds', /out of its memory/],
    ['too-long', /2\^28 values/],
    ['the-other-end', /is not what it is used as/],
    ['another-type', /of another type/],
    ['texts-in-one-instance', /in one component instance/],
    ['without-its-set', /without the set/],
    ['not-an-error', /is not what it is used as/],
  ]
  test.each(TRAPS)('%s is a trap', async (name, message) => {
    const { error } = await callOf('channels', name)
    expect(error).toMatchObject({ code: 'TOKA_GUEST_TRAP', message: expect.stringMatching(message) })
  })

  test('a read that nobody will write for is a trap, and where nothing can wait it says so', async () => {
    const { error } = await callOf('channels', 'nobody-writes')
    expect(error?.code).toBe((await canSuspend()) ? 'TOKA_GUEST_TRAP' : 'TOKA_CALL_BLOCKING')
  })
})

test.each([
  ['tasks', 'spin'],
  ['channels', 'copies'],
] as const)(
  '%s: what goes on for ever (%s) is ended on time, and others have the thread meanwhile',
  async (name, method) => {
    let turns = 0
    const timer = setInterval(() => turns++, 5)
    const ended = await callOf(name, method, 200)
    clearInterval(timer)
    expect(ended.stopped).toBe('time')
    expect(ended.elapsedMs).toBeLessThan(3_000)
    if (name === 'tasks' || (await canSuspend())) expect(turns).toBeGreaterThan(1)
  },
)

test('a function that takes a stream or a future is refused from outside, by name', async () => {
  const ended = await callOf('tasks', 'hold')
  expect(ended.error).toMatchObject({
    code: 'TOKA_VALUE_UNSUPPORTED',
    message: expect.stringContaining('hold takes or gives streams'),
  })
})

test('what is called back needs no suspension: it works where there is none', async () => {
  allowSuspension(false)
  try {
    expect((await callOf('tasks', 'cancels')).value).toBe(4)
    expect((await callOf('tasks', 'returns')).error?.code).toBe('TOKA_CALL_BLOCKING')
  } finally {
    allowSuspension(true)
  }
})

test('a component with a stream in its hands is not saved, and says what it holds', async () => {
  const bench = await ComponentBench.open(assembled('channels'))
  expect(await bench.value('cancelled-read')).toBe(2)
  await expect(bench.fork()).rejects.toThrow(/holds a (readable|writable) end/)
  bench.dispose()
})
