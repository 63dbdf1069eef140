/** Counting: every import call of a guest is seen by the CVM and ends as exactly one of local, allowed and denied. */
import { describe, expect, test } from 'vitest'
import type { Gate } from '../../src/gate/gate.ts'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { codeOf, openWorld, READ } from '../gate-world.ts'

const GRANTS = [
  { resource: 'fs', actions: ['read'], paths: ['/data/**'] },
  { resource: 'tool', actions: ['call'], names: ['echo'] },
]

/** A signed LEB128 number. */
function leb(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; ) {
    const low = rest & 0x7f
    rest >>= 7
    const last = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)
    bytes.push(last ? low : low | 0x80)
    if (last) return bytes
  }
}

const section = (id: number, ...bytes: number[]): number[] => [id, ...leb(bytes.length), ...bytes]
const text = (value: string): number[] => [value.length, ...new TextEncoder().encode(value)]
const I32 = 0x7f

/**
 * A guest by hand: imports `count` and `act`, and keeps its own tally of its import calls in global 0. Its export `call`
 * calls `count(op)` (a border's job, done here as the loader would), ends with a trap when it answers not 0, then `act(op)`.
 */
function guestModule(): WebAssembly.Module {
  const body = [
    0, // no locals
    0x23,
    0,
    0x41,
    1,
    0x6a,
    0x24,
    0, // global 0 += 1
    0x20,
    0,
    0x10,
    0, // count(op)
    0x04,
    0x40,
    0x00,
    0x0b, // if not 0: unreachable
    0x20,
    0,
    0x10,
    1, // act(op)
    0x0b,
  ]
  const bytes = [
    0,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...section(1, 1, 0x60, 1, I32, 1, I32),
    ...section(2, 2, ...text('h'), ...text('count'), 0, 0, ...text('h'), ...text('act'), 0, 0),
    ...section(3, 1, 0),
    ...section(6, 1, I32, 1, 0x41, 0, 0x0b),
    ...section(7, 2, ...text('call'), 0, 2, ...text('calls'), 3, 0),
    ...section(10, 1, body.length, ...body),
  ]
  return new WebAssembly.Module(Uint8Array.from(bytes))
}

type Guest = { call(operation: number): number; calls: WebAssembly.Global }

function guestOf(gate: Gate, act: (operation: number) => void): Guest {
  const answer = (operation: number): number => {
    act(operation)
    return 0
  }
  const imports = { h: { count: gate.count, act: answer } }
  return new WebAssembly.Instance(guestModule(), imports).exports as unknown as Guest
}

function expectBalance(gate: Gate, calls: number): void {
  const { counted, local, allowed, denied } = gate.counters()
  expect(counted).toBe(calls)
  expect(local + allowed + denied).toBe(calls)
}

describe('counting', () => {
  test('calls made by an instrumented guest = calls that the CVM saw = local + allowed + denied', () => {
    const { gate } = openWorld({ grants: GRANTS, files: { a: 'x' } })
    const signal = new AbortController().signal
    const acts: (() => unknown)[] = [
      () => undefined,
      () => gate.port.files.stat(0, 'a'),
      () => gate.port.files.removeFile(0, 'a'),
      () => gate.port.callTool('echo', new Uint8Array(1), signal),
      () => gate.port.callTool('other', new Uint8Array(1), signal),
      // One call, several decisions: the denial counts.
      () => gate.port.files.open(0, 'a', { ...READ, write: true }),
      () => gate.port.files.resolve(0, 'a', true),
      () => gate.port.files.stat(0, '../a'),
    ]
    const guest = guestOf(gate, (operation) => codeOf(acts[operation % acts.length]!))
    for (let index = 0; index < 800; index++) guest.call(index)
    expect(guest.calls.value).toBe(800)
    expect(gate.counters()).toEqual({ counted: 800, local: 200, allowed: 200, denied: 400, redecided: 0 })
    expectBalance(gate, 800)
  })

  test('it holds at every moment, in the middle of a call too', () => {
    const { gate } = openWorld({ grants: GRANTS, files: { a: 'x' } })
    const guest = guestOf(gate, (operation) => {
      expectBalance(gate, operation)
      codeOf(() => gate.port.files.stat(0, operation % 2 ? 'a' : '\0'))
      expectBalance(gate, operation)
    })
    for (let index = 1; index < 50; index++) guest.call(index)
  })

  test('a call of which one decision was refused is denied, whatever was allowed before and after', () => {
    const { gate } = openWorld({ grants: GRANTS, files: { a: 'x' } })
    const guest = guestOf(gate, () => {
      gate.port.files.stat(0, 'a')
      codeOf(() => gate.port.files.removeFile(0, 'a'))
      gate.port.files.stat(0, 'a')
    })
    guest.call(1)
    expect(gate.counters()).toEqual({ counted: 1, local: 0, allowed: 0, denied: 1, redecided: 0 })
  })

  test('what the host decides between runs belongs to no import call', () => {
    const { gate } = openWorld({ grants: GRANTS, files: { a: 'x' } })
    const guest = guestOf(gate, () => {})
    gate.port.files.stat(0, 'a')
    guest.call(1)
    gate.end()
    codeOf(() => gate.port.files.removeFile(0, 'a'))
    expect(gate.counters()).toEqual({ counted: 1, local: 1, allowed: 0, denied: 0, redecided: 2 })
  })

  test('a guest that has spent its host calls is killed at its next import, and that call counts as denied', () => {
    const { gate } = openWorld({ grants: GRANTS, files: { a: 'x' }, limits: { ...DEFAULT_LIMITS, hostCalls: 3 } })
    const codes: string[] = []
    const guest = guestOf(gate, () => codes.push(codeOf(() => gate.port.files.stat(0, 'a'))))
    for (let index = 0; index < 4; index++) guest.call(index)
    expect(codes).toEqual(['none', 'none', 'none', 'EACCES'])
    expect(gate.stopped).toBe('calls')
    expect(() => guest.call(5)).toThrow(WebAssembly.RuntimeError)
    expect(gate.counters()).toEqual({ counted: 5, local: 0, allowed: 3, denied: 2, redecided: 0 })
    expect(gate.denials.at(-1)).toMatchObject({ reason: 'limit', operation: 'fs.read', resource: '/data/a' })
  })

  test('refused calls count against the limit of host calls too, and a new run starts from nothing', () => {
    const { gate } = openWorld({ limits: { ...DEFAULT_LIMITS, hostCalls: 2 } })
    gate.port.environment('A')
    codeOf(() => gate.port.files.stat(0, '..'))
    expect(gate.usage().hostCalls).toBe(2)
    gate.port.environment('A')
    expect(gate.stopped).toBe('calls')
    gate.begin()
    expect(gate.stopped).toBeUndefined()
    expect(gate.usage().hostCalls).toBe(0)
    expect(gate.denials).toEqual([])
  })

  test('a closed gate kills the guest at its next import', () => {
    const { gate } = openWorld()
    const guest = guestOf(gate, () => {})
    guest.call(0)
    gate.dispose()
    expect(() => guest.call(1)).toThrow(WebAssembly.RuntimeError)
    gate.begin()
    expect(gate.stopped).toBe('closed')
  })
})
