/** A taker of a stream that is slow, or gone, while a guest tells as much as it can: the run ends in time, little waits. */
import { describe, expect, test } from 'vitest'
import type { RunEvent } from '../../src/index.ts'
import { tokaOf, WAYS } from '../isolations.ts'
import { EventQueue } from '../../src/sandbox/event-queue.ts'

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const FLOODS = {
  'bytes to two streams in turn': `for (;;) { process.stdout.write('a'); process.stderr.write('b') }`,
  'lines of the console at two levels': `for (;;) { console.log('a'); console.warn('b') }`,
  progress: `for (let n = 0; ; n = (n + 0.001) % 1) toka.progress(n, 'x'.repeat(500))`,
  'progress between lines': `for (;;) { toka.progress(0.5); console.log('') }`,
  'values to display': `for (;;) try { toka.display({ 'text/plain': '' }) } catch {}`,
  denials: `for (;;) try { require('fs').readFileSync('/data/x') } catch {}`,
}

describe.each(WAYS)('a flood that is taken slowly: %s', (way) => {
  test.each(Object.entries(FLOODS))('%s', async (_name, source) => {
    const toka = await tokaOf(way)
    const sandbox = await toka.open({
      language: 'javascript',
      mounts: [{ at: '/data', from: { files: {} }, mode: 'ro' }],
      limits: { outputBytes: 100_000 },
    })
    const events: RunEvent[] = []
    const started = performance.now()
    let bytes = 0
    for await (const event of sandbox.stream({ source, limits: { timeoutMs: 300 } })) {
      if (events.length === 0) await sleep(400)
      events.push(event)
      if ('bytes' in event) bytes += event.bytes.length
      if (event.type === 'console') bytes += event.text.length
    }
    expect(performance.now() - started).toBeLessThan(5_000)
    expect(events.length).toBeLessThan(3_000)
    expect(bytes).toBeLessThanOrEqual(200_000)
    const last = events.at(-1)
    expect(last).toMatchObject({ type: 'result', result: { status: 'limit' } })
    if (last?.type === 'result') expect(bytes).toBe(last.result.stdout.length + last.result.stderr.length)
    await sandbox.dispose()
  })
})

test('what comes to a full queue costs its host the same, however much waits there', () => {
  const queue = new EventQueue()
  queue.add({ type: 'progress', fraction: 0 })
  for (let count = 0; count < 200_000; count++) queue.add({ type: 'display', data: { 'a/b': '' } })
  const begun = performance.now()
  for (let count = 0; count < 5_000; count++) queue.add({ type: 'progress', fraction: 0.5 })
  expect(performance.now() - begun).toBeLessThan(500)
  expect(queue.take()).toEqual({ type: 'progress', fraction: 0.5 })
})
