/** A worker that tells more of a run than its limits let any guest make: it is not believed. */
import { describe, expect, test } from 'vitest'
import type { GuestEvent } from '../../src/run-events.ts'
import { readFromWorker } from '../../src/sandbox/protocol.ts'
import { RemoteEvents } from '../../src/sandbox/remote-events.ts'

const LIMIT = 1_000
const out = (length: number): GuestEvent => ({ type: 'stdout', bytes: new Uint8Array(length) })
const line = (length: number): GuestEvent => ({ type: 'console', level: 'warn', bytes: new Uint8Array(length) })
const show = (text: string, type = 'text/plain'): GuestEvent => ({ type: 'display', data: { [type]: text } })
const denial: GuestEvent = {
  type: 'denial',
  denial: { operation: 'fs.read', resource: '/x', reason: 'no-grant', link: 0, allow: '' },
}

/** What comes through of events, one message each; the last word is whether all was believed. */
function told(events: readonly GuestEvent[], isAsked = true): [number, boolean] {
  let count = 0
  const remote = new RemoteEvents(isAsked ? () => count++ : undefined, LIMIT)
  const isBelieved = events.every((event) => remote.accept([event]))
  return [count, isBelieved]
}

describe('events of a worker', () => {
  test('that nobody asked for, or none at all, are refused', () => {
    expect(told([out(1)], false)).toEqual([0, false])
    expect(new RemoteEvents(() => {}, LIMIT).accept([])).toBe(false)
  })

  test('hold no more output and values than the streams of a run', () => {
    expect(told([out(LIMIT), line(LIMIT), show('x'.repeat(LIMIT - 1))])).toEqual([3, true])
    expect(told([out(LIMIT), line(LIMIT), out(LIMIT), out(1)])).toEqual([3, false])
    expect(told([show('x'.repeat(3 * LIMIT))])).toEqual([0, false])
    expect(told(Array.from({ length: 3 * LIMIT + 1 }, () => show('')))).toEqual([3 * LIMIT, false])
  })

  test('hold no more denials than a result', () => {
    expect(told(Array.from({ length: 101 }, () => denial))).toEqual([100, false])
  })

  test('show values under MIME types alone, in few forms', () => {
    expect(told([show('x', 'text html')])).toEqual([0, false])
    const data = Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`text/x${at}`, '']))
    expect(readFromWorker({ kind: 'events', run: 1, events: [{ type: 'display', data }] })).toBeUndefined()
    const message = 'x'.repeat(1_001)
    expect(readFromWorker({ kind: 'events', run: 1, events: [{ type: 'progress', message }] })).toBeUndefined()
    expect(readFromWorker({ kind: 'events', run: 1, events: [{ type: 'result', result: {} }] })).toBeUndefined()
  })
})
