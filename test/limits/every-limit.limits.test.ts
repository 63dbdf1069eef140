/** Every limit of a run, in every way in which a sandbox runs: a guest driven into it, how far it went, the next run unharmed. */
import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { tokaOf, WAYS } from '../isolations.ts'
import { driveInto, GIVEN, is, killed, type LimitRow, mostAtOnce } from '../limit-rows.ts'

const MiB = 2 ** 20

const caught = (source: string): string => `let e = 'none'; try { ${source} } catch (x) { e = x.code ?? x.name }; e`
const fs = "const fs = require('fs'); "

const rows: LimitRow[] = [
  {
    limit: 'timeoutMs',
    limits: { timeoutMs: 100 },
    guest: 'for (;;) { try { for (;;) {} } finally { continue } }',
    ends: killed('TOKA_LIMIT_TIME'),
    measured: ({ usage }) => usage.wallMs,
    // Two cores may be taken by another test: what is promised is measured by the benchmark.
    within: 400,
  },
  {
    limit: 'fuel',
    limits: { fuel: 1_000_000 },
    guest: 'for (;;) {}',
    ends: killed('TOKA_LIMIT_FUEL'),
    measured: ({ usage }) => usage.fuel,
    within: 1_000_100,
  },
  {
    limit: 'memoryBytes',
    limits: { memoryBytes: 16 * MiB, timeoutMs: 5_000 },
    guest: 'const a = []; for (;;) { try { for (;;) a.push(new Array(999).fill(1)) } catch {} }',
    ends: { status: 'limit' },
    measured: ({ usage }) => usage.memoryBytes,
    within: 16 * MiB,
  },
  {
    limit: 'memoryBytes',
    limits: { memoryBytes: 16 * MiB, timeoutMs: 5_000 },
    // A block that moves is there twice.
    guest:
      'const b = new ArrayBuffer(8, { maxByteLength: 2 ** 28 }); for (let i = 16; ; i *= 1.3) b.resize(Math.floor(i))',
    ends: killed('TOKA_LIMIT_MEMORY'),
    measured: ({ usage }) => usage.memoryBytes,
    within: 16 * MiB,
  },
  {
    limit: 'outputBytes',
    limits: { outputBytes: 10_000 },
    guest: 'for (let i = 0; i < 500; i++) { console.log("x".repeat(99)); console.error("y".repeat(99)) }',
    ends: { status: 'completed', truncated: { stdout: true, stderr: true } },
    measured: ({ stdout, stderr }) => Math.max(stdout.length, stderr.length),
    within: 10_000,
  },
  {
    limit: 'fileBytes',
    limits: { fileBytes: MiB },
    guest: `${fs}let n = 0; try { for (;; n++) fs.appendFileSync('/a', new Uint8Array(1e4)) } catch (x) { if (x.code !== 'ENOSPC') throw x }; fs.statSync('/a').size`,
    ends: { status: 'completed' },
    measured: ({ value }) => value as number,
    within: MiB,
  },
  {
    limit: 'fileNodes',
    limits: { fileNodes: 100 },
    guest: fs + caught("for (let i = 0; ; i++) fs.mkdirSync('/d' + i)"),
    ends: is('ENOSPC'),
  },
  {
    limit: 'descriptors',
    limits: { descriptors: 10 },
    guest: `${fs}fs.writeFileSync('/a', ''); let n = 0; try { for (;; n++) fs.openSync('/a') } catch (x) { if (x.code !== 'EMFILE') throw x }; n`,
    ends: { status: 'completed' },
    measured: ({ value }) => value as number,
    within: 10,
  },
  {
    limit: 'hostCalls',
    limits: { hostCalls: 20 },
    guest: 'for (;;) { try { await tools.give({ bytes: 1 }) } catch {} }',
    ends: killed('TOKA_LIMIT_CALLS'),
    measured: ({ usage }) => usage.hostCalls,
    within: 20,
  },
  {
    limit: 'concurrentCalls',
    limits: { concurrentCalls: 4 },
    guest:
      'const all = await Promise.allSettled(Array.from({ length: 40 }, () => tools.give({ bytes: 1 }))); all.filter((x) => x.status === "rejected").length > 0',
    ends: is(true),
    measured: mostAtOnce,
    within: 4,
  },
  {
    limit: 'structuredBytes',
    limits: { structuredBytes: 1_000 },
    guest:
      'let e; try { await tools.give({ bytes: 1, pad: "x".repeat(2_000) }) } catch (x) { e = x.message }; /size|large|bytes/.test(e)',
    ends: is(true),
  },
  {
    limit: 'flatBytes',
    limits: { flatBytes: 1_000 },
    guest: 'let e; try { await tools.give({ bytes: 2_000 }) } catch (x) { e = x.message }; /size|large|bytes/.test(e)',
    ends: is(true),
  },
]

describe.each(WAYS)('%s', (way) => {
  test.each(rows)('limits.$limit', (row) =>
    driveInto(way, row, { language: 'javascript', ...GIVEN }, { source: '(await tools.give({ bytes: 3 })).length' }),
  )

  test('the stack', async () => {
    const toka = await tokaOf(way)
    const sandbox = await toka.open({ language: 'javascript' })
    const deep = await sandbox.run({ source: `function f() { return f() + 1 }; ${caught('f()')}` })
    expect(deep).toMatchObject(is('RangeError'))
    const parser = await sandbox.run({ source: 'eval("(".repeat(50000) + "1" + ")".repeat(50000))' })
    expect(['failed', 'limit']).toContain(parser.status)
    expect(await sandbox.run({ source: '1 + 1' })).toMatchObject(is(2))
    await sandbox.dispose()
  })
})

test('every limit has its row', () => {
  const covered = new Set<string>([...rows.map(({ limit }) => limit), 'processes'])
  expect([...covered].sort()).toEqual(Object.keys(DEFAULT_LIMITS).sort())
})
