/** Whatever a guest tells and however slowly it is taken: nothing of its output is lost or turned around, and little waits. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { LiveEvent } from '../../src/run-events.ts'
import { EventQueue } from '../../src/sandbox/event-queue.ts'

const SETTINGS = { seed: 20_261_125, numRuns: 300 }
const KINDS = ['stdout', 'stderr', 'log', 'warn', 'progress', 'display', 'call', 'denial'] as const
type Kind = (typeof KINDS)[number]

const denial = { operation: 'fs.read', resource: '/x', reason: 'no-grant', link: 0, allow: '' } as const

function eventOf(kind: Kind, n: number): LiveEvent {
  const bytes = new Uint8Array([n])
  if (kind === 'stdout' || kind === 'stderr') return { type: kind, bytes }
  if (kind === 'log' || kind === 'warn') return { type: 'console', level: kind, bytes }
  if (kind === 'progress') return { type: 'progress', message: `${n}` }
  if (kind === 'display') return { type: 'display', data: { 'text/plain': `${n}` } }
  if (kind === 'denial') return { type: 'denial', denial }
  return { type: 'call', tool: `${n}`, idempotencyKey: '' }
}

const nameOf = (event: { type: string; level?: string }): string => event.level ?? event.type

/** Adds, and takes one after as many as the pace says. */
function pump(kinds: readonly Kind[], paces: readonly number[]) {
  const queue = new EventQueue()
  const taken: ReturnType<EventQueue['take']>[] = []
  let most = 0
  kinds.forEach((kind, at) => {
    queue.add(eventOf(kind, at % 251))
    most = Math.max(most, queue.length)
    if (at % (paces[at % paces.length] ?? 1) === 0) taken.push(queue.take())
  })
  for (let event = queue.take(); event; event = queue.take()) taken.push(event)
  return { taken: taken.filter((event) => event !== undefined), most }
}

const bytesOf = (events: readonly object[], kind: string): number[] =>
  events.flatMap((event) =>
    nameOf(event as never) === kind && 'bytes' in event ? [...(event.bytes as Uint8Array)] : [],
  )

test('every byte of each kind of output comes once, in its order', () => {
  const input = fc.array(fc.constantFrom(...KINDS), { maxLength: 4_000, size: 'max' })
  fc.assert(
    fc.property(input, fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 5 }), (kinds, paces) => {
      const { taken, most } = pump(kinds, paces)
      const added = kinds.map((kind, at) => eventOf(kind, at % 251))
      for (const kind of ['stdout', 'stderr', 'log', 'warn']) expect(bytesOf(taken, kind)).toEqual(bytesOf(added, kind))
      const count = (events: readonly object[], type: string) =>
        events.filter((event) => nameOf(event as never) === type).length
      expect(count(taken, 'display')).toBe(count(added, 'display'))
      const skipped = taken.reduce((sum, event) => sum + (event?.type === 'skipped' ? event.count : 0), 0)
      for (const type of ['call', 'denial']) expect(count(taken, type)).toBeLessThanOrEqual(count(added, type))
      expect(count(taken, 'call') + count(taken, 'denial') + skipped).toBe(
        count(added, 'call') + count(added, 'denial'),
      )
      expect(most).toBeLessThanOrEqual(1_024 + KINDS.length + count(added, 'display'))
      const progress = taken.filter((event) => event?.type === 'progress')
      expect(progress.at(-1)).toEqual(added.filter((event) => event.type === 'progress').at(-1))
    }),
    SETTINGS,
  )
})

test('a taker that keeps up gets every event as it is', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...KINDS)), (kinds) => {
      const { taken } = pump(kinds, [1])
      expect(taken).toEqual(kinds.map((kind, at) => eventOf(kind, at % 251)))
    }),
    SETTINGS,
  )
})

test('a million bytes written one by one to two streams in turn wait in a thousand events', () => {
  const queue = new EventQueue()
  for (let at = 0; at < 1_000_000; at++)
    queue.add({ type: at % 2 === 0 ? 'stdout' : 'stderr', bytes: new Uint8Array([at]) })
  expect(queue.length).toBeLessThanOrEqual(1_026)
  let bytes = 0
  for (let event = queue.take(); event; event = queue.take()) bytes += 'bytes' in event ? event.bytes.length : 0
  expect(bytes).toBe(1_000_000)
})
