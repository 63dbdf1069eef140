/** Resources: of a component, held by its caller and by another component; made, lent, given away, dropped once each. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HandleTable, ObjectCount } from '../../engines/component/resources.ts'
import type { ResourceType } from '../../engines/component/resource-types.ts'
import { assembled, ComponentBench } from '../component-bench.ts'

let bench: ComponentBench

beforeEach(async () => {
  bench = await ComponentBench.open(assembled('resources'))
})

afterEach(() => bench.dispose())

test('a caller makes a resource, uses it, and drops it: its destructor runs once', async () => {
  const counter = await bench.value('[constructor]counter', 5)
  expect(counter).toEqual({ resource: 'counter', handle: 1 })
  expect(await bench.value('[method]counter.add', counter, 2)).toBe(7)
  expect(await bench.value('counters#[method]counter.add', counter, 2)).toBe(9)
  expect(await bench.value('alive')).toBe(1)
  await bench.value('[resource-drop]counter', counter)
  expect(await bench.value('alive')).toBe(0)
  const again = await bench.call('[resource-drop]counter', counter)
  expect(again.error?.code).toBe('TOKA_VALUE_UNSUPPORTED')
  const used = await bench.call('[method]counter.add', counter, 2)
  expect(used.error?.message).toBe('self must be a counter that this sandbox has handed out, not an object')
})

test('a resource that is given away is its caller’s no more', async () => {
  const counter = await bench.value('[constructor]counter', 5)
  expect(await bench.value('[static]counter.take', counter)).toBe(5)
  expect((await bench.call('[static]counter.take', counter)).error?.code).toBe('TOKA_VALUE_UNSUPPORTED')
})

test('a call that is refused takes no resource over', async () => {
  const counter = await bench.value('[constructor]counter', 5)
  expect((await bench.call('[static]counter.take', counter, 'more')).error?.code).toBe('TOKA_VALUE_UNSUPPORTED')
  expect(await bench.value('[static]counter.take', counter)).toBe(5)
})

test.each([[{ resource: 'counter', handle: 1 }], [{ handle: 1.5 }], [1], [null], [{ resource: 'counter' }]])(
  'a caller cannot invent the resource %o',
  async (forged) => {
    expect((await bench.call('[method]counter.add', forged, 1)).error?.code).toBe('TOKA_VALUE_UNSUPPORTED')
  },
)

test('one component uses the resource of another: lends it, keeps it, drops it', async () => {
  expect(await bench.value('sum', 3, 4)).toBe(7)
  expect(await bench.value('alive')).toBe(0)
  await bench.value('keep', 10)
  expect(await bench.value('kept', 1)).toBe(11)
  expect(await bench.value('kept', 1)).toBe(12)
  expect(await bench.value('alive')).toBe(1)
})

const TRAPS: readonly (readonly [name: string, args: readonly unknown[], reason: RegExp])[] = [
  ['use-dropped', [], /1 is no handle that it holds/],
  ['use-given', [], /1 is no handle that it holds/],
  ['forge', [0], /0 is no handle that it holds/],
  ['forge', [77], /77 is no handle that it holds/],
  ['forge', [2 ** 32 - 1], /4294967295 is no handle that it holds/],
]

test.each(TRAPS)('a component that uses a handle it does not hold traps: %s(%o)', async (name, args, reason) => {
  const ended = await bench.call(name, ...args)
  expect(ended.error?.code).toBe('TOKA_GUEST_TRAP')
  expect(ended.error?.message).toMatch(reason)
})

test('a handle that was lent must be given back before the call returns', async () => {
  const counter = await bench.value('[constructor]counter', 1)
  await bench.value('return-lent', counter)
  const ended = await bench.call('steal', counter)
  expect(ended.error?.message).toBe('the component trapped: a call keeps handles that were lent to it')
})

test('a fork has the component’s state, its handles and those that were handed out; then they are two', async () => {
  const counter = await bench.value('[constructor]counter', 5)
  await bench.value('keep', 20)
  const twin = await bench.fork()
  expect(await twin.value('[method]counter.add', counter, 1)).toBe(6)
  expect(await twin.value('kept', 1)).toBe(21)
  expect(await bench.value('[method]counter.add', counter, 10)).toBe(15)
  expect(await bench.value('kept', 5)).toBe(25)
  expect(await twin.value('kept', 1)).toBe(22)
  await twin.value('[resource-drop]counter', counter)
  expect(await twin.value('alive')).toBe(1)
  expect(await bench.value('alive')).toBe(2)
  twin.dispose()
})

test('objects of the host are counted over all tables of a component, and numbers of the guest are not', () => {
  const resource: ResourceType = { name: 'stream', by: { side: 'host', key: 'stream' } }
  const objects = new ObjectCount()
  const [one, other] = [new HandleTable(objects), new HandleTable(objects)]
  for (let count = 0; count < 512; count++) for (const table of [one, other]) table.add(resource, {})
  expect(() => other.add(resource, {})).toThrow(/more than 1024 resources of the host/)
  expect(other.add(resource, 7)).toBe(513)
  one.remove(1, resource)
  expect(other.add(resource, {})).toBe(514)
})
