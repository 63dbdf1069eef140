/** asyncio in a sandbox: timers and host calls are what there is to wait for, and everything built on them works. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool, type GrantInput } from '../../src/index.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { notebook, preparePython, python, pythonValue } from '../python.ts'
import { skipReasons } from '../skip-reasons.ts'

preparePython()

const never = defineTool({
  name: 'never',
  description: 'Does not answer',
  input: z.object({}),
  run: (_, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error()))),
})
const withNever = {
  tools: [never],
  grants: [{ resource: 'tool', actions: ['call'], names: ['never'] }] as GrantInput[],
}
const deterministic = { seed: 's', start: '2026-01-01T00:00:00Z' }

describe('an event loop', () => {
  test.each([
    ['asyncio.run', 'asyncio.run(main())'],
    ['top-level await', 'await main()'],
    ['a Runner', 'with asyncio.Runner() as runner: value = runner.run(main())\nvalue'],
    [
      'a loop of its own',
      'loop = asyncio.new_event_loop(); value = loop.run_until_complete(main()); loop.close()\nvalue',
    ],
  ])('is there through %s', async (_, last) => {
    const source = `import asyncio
order = []
async def one(n, wait):
    await asyncio.sleep(wait)
    order.append(n)
    return n
async def main():
    found = await asyncio.gather(one(1, 0.03), one(2, 0.01), one(3, 0.02))
    return [found, order]
${last}`
    expect(await pythonValue(source, { deterministic })).toEqual([
      [1, 2, 3],
      [2, 3, 1],
    ])
  })

  test('has time outs, and cancels what takes longer', async ({ skip }) => {
    skip(!(await canSuspend()), skipReasons.noJspi)
    const source = `import asyncio
from toka import tools
told = []
try:
    async with asyncio.timeout(0.05):
        await tools.never.aio()
except TimeoutError:
    told.append("timeout")
try:
    await asyncio.wait_for(asyncio.Event().wait(), 0.01)
except TimeoutError:
    told.append("wait_for")
told`
    expect(await pythonValue(source, withNever)).toEqual(['timeout', 'wait_for'])
  })

  test('has queues, locks, events, semaphores, barriers and task groups', async () => {
    const source = `import asyncio
queue, lock, event = asyncio.Queue(2), asyncio.Lock(), asyncio.Event()
semaphore, barrier, got, most = asyncio.Semaphore(2), asyncio.Barrier(2), [], 0
inside = 0
async def producer():
    for n in range(5): await queue.put(n)
    await queue.put(None)
async def consumer():
    while (n := await queue.get()) is not None:
        async with lock: got.append(n)
    event.set()
async def bounded():
    global inside, most
    async with semaphore:
        inside += 1; most = max(most, inside)
        await asyncio.sleep(0.001)
        inside -= 1
async with asyncio.TaskGroup() as group:
    group.create_task(producer()); group.create_task(consumer())
    for _ in range(6): group.create_task(bounded())
    group.create_task(barrier.wait()); group.create_task(barrier.wait())
await event.wait()
[got, most]`
    expect(await pythonValue(source)).toEqual([[0, 1, 2, 3, 4], 2])
  })

  test('has asynchronous generators, context variables and shields', async () => {
    const source = `import asyncio, contextvars
variable = contextvars.ContextVar("v", default=0)
async def numbers():
    for n in range(3):
        await asyncio.sleep(0)
        yield n
async def child(n):
    variable.set(n)
    await asyncio.sleep(0)
    return variable.get()
[[n async for n in numbers()], await asyncio.gather(child(1), child(2)), variable.get(), await asyncio.shield(child(3))]`
    expect(await pythonValue(source)).toEqual([[0, 1, 2], [1, 2], 0, 3])
  })

  test('sleeps in virtual time where time is virtual: an hour takes no time', async () => {
    const source = `import asyncio, time
before = time.monotonic()
await asyncio.sleep(3600)
time.sleep(3600)
round(time.monotonic() - before)`
    const started = performance.now()
    expect(await pythonValue(source, { deterministic })).toBe(7_200)
    expect(performance.now() - started).toBeLessThan(60_000)
  })

  test('tells a deadlock instead of waiting for ever', async () => {
    const { status, error } = await python('import asyncio\nawait asyncio.Event().wait()')
    expect([status, error?.message]).toEqual(['failed', expect.stringContaining('can never happen')])
  })

  test('ends what a run leaves pending, with its finally blocks, and serves the next run', async () => {
    await notebook(async (cell) => {
      const first = await cell(`import asyncio
ended = []
async def background():
    try: await asyncio.sleep(1000)
    finally: ended.append("ended")
task = asyncio.create_task(background())
await asyncio.sleep(0)
"done"`)
      expect(first.value).toBe('done')
      expect((await cell('[ended, task.cancelled()]')).value).toEqual([['ended'], true])
      expect((await cell('await asyncio.sleep(0, "next")')).value).toBe('next')
    })
  })

  test('tells exceptions that nobody retrieved, and coroutines that nobody awaited', async () => {
    const source = `import asyncio
async def fails(): raise ValueError("lost")
task = asyncio.ensure_future(fails())
await asyncio.sleep(0.01)
del task
async def forgotten(): pass
forgotten()
None`
    const { stderr } = await python(source)
    expect(stderr).toContain('Task exception was never retrieved')
    expect(stderr).toContain("coroutine 'forgotten' was never awaited")
    expect(stderr).not.toContain('/lib/toka')
  })

  test.each([
    ['await asyncio.to_thread(print)', 'no threads'],
    ['await asyncio.get_running_loop().run_in_executor(None, print)', 'no threads'],
    ['await asyncio.open_connection("a.test", 80)', 'toka.fetch'],
    ['await asyncio.start_server(print, "127.0.0.1", 80)', 'toka.fetch'],
    ['await asyncio.create_subprocess_exec("ls")', 'no processes'],
    ['asyncio.get_running_loop().add_signal_handler(2, print)', 'no signals'],
  ])('says what there is instead of %s', async (call, message) => {
    const { error } = await python(`import asyncio\nawait asyncio.sleep(0)\n${call}`)
    expect(error?.message).toContain(message)
  })
})
