/** The queue of TypeScript sources, before a thread that the test plays. */
import { describe, expect, test } from 'vitest'
import type { Reply, Task } from '../../src/typescript/protocol.ts'
import { Transformer } from '../../src/typescript/transformer.ts'

type Thread = { tasks: Task[]; say: (data: unknown) => void; die: (reason: string) => void; ended: boolean }

/** A transformer whose threads do nothing but write down what they were given. */
function played(): { transformer: Transformer; threads: Thread[]; last: () => Thread } {
  const threads: Thread[] = []
  const transformer = new Transformer(({ message, ended }) => {
    const thread: Thread = { tasks: [], say: message, die: ended, ended: false }
    threads.push(thread)
    return {
      post: (task) => thread.tasks.push(task),
      hold: () => {},
      end: async () => {
        thread.ended = true
      },
    }
  })
  return { transformer, threads, last: () => threads.at(-1) as Thread }
}

const wanted = () => false
const reply = ({ tasks }: Thread, rest: object): unknown => ({ job: tasks.at(-1)?.job, ...rest }) satisfies object
const done = (thread: Thread) => thread.say(reply(thread, { kind: 'done', code: 'js' } satisfies Partial<Reply>))
const unfinished = (thread: Thread) => thread.say(reply(thread, { kind: 'unfinished' }))
const failure = (promise: Promise<unknown>) => promise.then(String, (error: Error) => error.message)

describe('sources that wait for the thread', () => {
  test('each gets a first, short try before any gets a second, longer one', () => {
    const { transformer, last } = played()
    for (const source of ['slow', 'b', 'c']) void transformer.transform(source, wanted)
    for (let round = 0; round < 3; round++) unfinished(last())
    done(last())
    done(last())
    const { tasks } = last()
    expect(tasks.map(({ source }) => source)).toEqual(['slow', 'b', 'c', 'slow', 'b', 'c'])
    expect(tasks[3]?.budgetMs).toBeGreaterThan(tasks[0]?.budgetMs as number)
  })

  test('a source that is not done in its last try is refused', async () => {
    const { transformer, last } = played()
    const refused = failure(transformer.transform('endless', wanted))
    while (last().tasks.length < 3) unfinished(last())
    unfinished(last())
    expect(await refused).toMatch(/too long/)
    expect(last().tasks).toHaveLength(3)
  })

  test('its thread ends when it is told to, with the source that it has, and the next source has another', async () => {
    const { transformer, threads, last } = played()
    void transformer.transform('a', wanted)
    done(last())
    await transformer.end()
    expect(last().ended).toBe(true)
    const cut = failure(transformer.transform('b', wanted))
    await transformer.end()
    expect(await cut).toContain('nobody waits for it')
    void transformer.transform('c', wanted)
    expect(threads.map(({ ended }) => ended)).toEqual([true, true, false])
  })

  test('a source that nobody waits for any more gets no try', async () => {
    const { transformer, last } = played()
    let over = false
    void transformer.transform('a', wanted)
    const dropped = failure(transformer.transform('b', () => over))
    over = true
    done(last())
    expect(await dropped).toMatch(/too long/)
    expect(last().tasks).toHaveLength(1)
  })
})

describe('a thread that fails', () => {
  test('takes along the source that it had, and the others get a new thread', async () => {
    const { transformer, threads, last } = played()
    const lost = failure(transformer.transform('bomb', wanted))
    const other = transformer.transform('b', wanted)
    last().die('out of memory')
    expect(await lost).toMatch(/out of memory/)
    expect(threads).toHaveLength(2)
    done(last())
    expect(await other).toBe('js')
  })

  test.each([
    ['what is no message', 'hello'],
    ['nothing', undefined],
    ['a message with more in it', { kind: 'done', job: 1, code: 'js', more: 1 }],
    ['an answer to what it was not asked', { kind: 'done', job: 7, code: 'js' }],
    ['code that is no text', { kind: 'done', job: 1, code: 1 }],
  ])('is ended when it sends %s', async (_, data) => {
    const { transformer, threads, last } = played()
    const lost = failure(transformer.transform('a', wanted))
    last().say(data)
    expect(await lost).toMatch(/never sends/)
    expect(threads[0]?.ended).toBe(true)
    const next = transformer.transform('b', wanted)
    threads[0]?.say({ kind: 'done', job: 2, code: 'of the old thread' })
    done(last())
    expect(await next).toBe('js')
  })
})
