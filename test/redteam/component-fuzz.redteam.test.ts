/** Damaged and hostile component binaries: refused by name, or run as guests; nothing else comes out. Every seed is fixed. */
import { expect, test } from 'vitest'
import { component } from '../../engines/component/engine.ts'
import { TokaError } from '../../src/errors.ts'
import { Writer } from '../../src/loader/writer.ts'
import { assembled, ComponentBench } from '../component-bench.ts'
import { mutateBytes } from '../fuzz/mutate.ts'
import { numbers } from '../fuzz/numbers.ts'

const NAMES = ['types', 'resources', 'hostile', 'command', 'calls'] as const
const ROUNDS = 120
const CALLED = ['echo-all', 'sum', 'kept', 'length', 'ask', 'echo-string', 'as-string', '[constructor]counter']
const ARGS = [[], [1], [1, 2], ['text'], [[1n, 2n]]]

/** What came of one input: never an error that is not ours. */
async function outcomeOf(bytes: Uint8Array<ArrayBuffer>, seed: number): Promise<string> {
  let bench: ComponentBench
  try {
    bench = await ComponentBench.open(bytes, { memoryBytes: 2 ** 22 })
  } catch (error) {
    expect(error, `seed ${seed}`).toBeInstanceOf(TokaError)
    expect((error as TokaError).code, `seed ${seed}`).toBe('TOKA_ENGINE_LOAD')
    return 'refused'
  }
  const next = numbers(seed)
  let ended = 'ran'
  for (let call = 0; call < 4; call++) {
    const name = CALLED[next(CALLED.length)] as string
    const { error, stopped } = await bench.callFor(40, name, ...(ARGS[next(ARGS.length)] as unknown[]))
    expect(error?.code, `seed ${seed}: ${error?.message}`).not.toBe('TOKA_INTERNAL')
    if (error?.code === 'TOKA_GUEST_TRAP' || stopped) ended = 'trapped'
  }
  bench.dispose()
  return ended
}

test('mutated components are refused, or trap, or run', async () => {
  const tally = new Map<string, number>()
  for (const [at, name] of NAMES.entries()) {
    for (let round = 0; round < ROUNDS; round++) {
      const seed = at * ROUNDS + round
      const outcome = await outcomeOf(mutateBytes(assembled(name), numbers(seed)), seed)
      tally.set(outcome, (tally.get(outcome) ?? 0) + 1)
    }
  }
  // Were none accepted, or none refused, nothing would have been tried.
  expect(tally.get('refused')).toBeGreaterThan(100)
  expect((tally.get('ran') ?? 0) + (tally.get('trapped') ?? 0)).toBeGreaterThan(20)
}, 120_000)

const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00]
const HUGE = [0xff, 0xff, 0xff, 0xff, 0x0f]

/** A section with its size. */
function section(id: number, body: readonly number[]): number[] {
  return [id, (body.length & 0x7f) | 0x80, (body.length >> 7) & 0x7f, ...body]
}

async function refusalOf(bytes: readonly number[]): Promise<string> {
  const begun = performance.now()
  try {
    const guest = { bytes: Uint8Array.from(bytes), sha256: '', metering: 'fast', memoryBytes: 2 ** 24 } as const
    component.describe?.(guest)
  } catch (error) {
    expect(error).toBeInstanceOf(TokaError)
    expect(performance.now() - begun).toBeLessThan(10_000)
    return (error as TokaError).message
  }
  return 'nothing'
}

test.each([2, 3, 5, 6, 7, 8, 10, 11])('a huge count in section %i is refused at once', async (id) => {
  expect(await refusalOf([...HEADER, ...section(id, HUGE)])).toMatch(/it ends too early/)
})

test('components in components are so deep and no deeper', async () => {
  let nested: number[] = HEADER
  for (let depth = 0; depth < 40; depth++) nested = [...HEADER, ...section(4, nested)]
  expect(await refusalOf(nested)).toMatch(/nested more than 32 deep/)
})

test('a type that doubles at each level has a bound', async () => {
  const types: number[] = [0x72, 2, 1, 0x61, 0x77, 1, 0x62, 0x77]
  for (let level = 0; level < 30; level++) types.push(0x72, 2, 1, 0x61, level, 1, 0x62, level)
  expect(await refusalOf([...HEADER, ...section(7, [31, ...types])])).toMatch(/2\^28 bytes or more/)
})

test('a type that is deep has a bound', async () => {
  const types: number[] = [0x70, 0x7d]
  for (let level = 0; level < 70; level++) types.push(0x70, ...(level < 64 ? [level] : [level | 0x80, 0]))
  expect(await refusalOf([...HEADER, ...section(7, [71, ...types])])).toMatch(/more than 64 types deep/)
})

test('components that instantiate each other twice at each level have a bound', async () => {
  let inner: number[] = HEADER
  for (let level = 0; level < 20; level++)
    inner = [...HEADER, ...section(4, inner), ...section(5, [2, 0, 0, 0, 0, 0, 0])]
  expect(await refusalOf(inner)).toMatch(/more than 256 instances/)
})

test('a label is looked at once, however many words of digits it has', async () => {
  const label = [...new TextEncoder().encode(`a${'-1'.repeat(60)}_`)]
  expect(await refusalOf([...HEADER, ...section(7, [1, 0x72, 1, label.length, ...label, 0x7d])])).toMatch(/is no label/)
})

/** A vector of any size. */
function vectorOf(items: number, item: (at: number) => readonly number[]): number[] {
  const body = new Writer().u32(items)
  for (let at = 0; at < items; at++) body.raw(item(at))
  return [...body.finish()]
}

function large(id: number, body: readonly number[]): number[] {
  return [...new Writer().byte(id).sized(new Writer().raw(body)).finish()]
}

/** A name that only one place has. */
const named = (at: number): number[] => [
  3,
  0x61 + (at % 26),
  0x61 + (Math.floor(at / 26) % 26),
  0x61 + Math.floor(at / 676),
]
const core = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]
const wide = [0x72, ...vectorOf(4_000, (at) => [...named(at), 0x7f])]
const type = section(7, [1, 0x7f])
const instance = large(5, [1, 1, ...vectorOf(500, (at) => [0, ...named(at), 3, 0])])
const exported = large(
  11,
  vectorOf(500, (at) => [0, ...named(at), 5, 0, 0]),
)

test.each([
  ['core modules', Array.from({ length: 50_000 }, () => [1, 0]).flat(), /more than 256 core modules/],
  ['components', Array.from({ length: 100_001 }, () => [4, 8, ...HEADER]).flat(), /more than 100000 definitions/],
  ['members of a type', large(7, [1, 0x6f, ...vectorOf(2 ** 21, () => [0x7f])]), /more than 2097152 bytes/],
  [
    'types of many members',
    large(
      7,
      vectorOf(60, () => wide),
    ),
    /more than 200000 definitions/,
  ],
  ['exports of an instance', [...type, ...instance, ...exported], /200000/],
] as const)('too many %s are refused before they cost time and memory', async (_, sections, reason) => {
  // Work is done up to the bound; without one each would take a minute or gigabytes.
  expect(await refusalOf(HEADER.concat(sections))).toMatch(reason)
})

/** A component of two core modules, of which the second imports something that the first exports. */
function importing(name: string, description: readonly number[]): number[] {
  const encoded = [...new TextEncoder().encode(name)]
  const imports = section(2, [1, 1, 0x61, encoded.length, ...encoded, ...description])
  const instances = section(2, [2, 0, 0, 0, 0, 1, 1, 1, 0x61, 0x12, 0])
  return [...HEADER, ...section(1, core), ...section(1, [...core, ...imports]), ...instances]
}

test.each([
  ['__fuel', [0x03, 0x7e, 0x01]],
  ['__stack', [0x03, 0x7f, 0x01]],
  ['__callout', [0x01, 0x70, 0x00, 0x01]],
] as const)('a core module is not given %s of another: it would never end', async (name, description) => {
  const bytes = Uint8Array.from(importing(name, description))
  await expect(ComponentBench.open(bytes)).rejects.toMatchObject({ message: expect.stringMatching(/is not there/) })
})

test('names that mean something to JavaScript are names', async () => {
  for (const name of ['__proto__', 'constructor', 'then']) {
    const encoded = [...new TextEncoder().encode(name)]
    const label = [encoded.length, ...encoded]
    const record = [...HEADER, ...section(7, [1, 0x72, 1, ...label, 0x7d])]
    expect(await refusalOf(record)).toMatch(name === '__proto__' ? /is no label/ : /^nothing$/)
  }
  expect(Object.keys(Object.prototype)).toEqual([])
})
