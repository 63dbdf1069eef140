/** Every limit of a run, for Python: as for JavaScript, in every way in which a sandbox runs. */
import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { WAYS } from '../isolations.ts'
import { driveInto, GIVEN, is, killed, type LimitRow, mostAtOnce } from '../limit-rows.ts'
import { preparePython } from '../python.ts'
import { skipReasons } from '../skip-reasons.ts'

const MiB = 2 ** 20

/** The name of the error that ends some lines. */
const caught = (lines: string, result = 'e'): string =>
  `import os, asyncio\nfrom toka import tools\ne = 'none'\nn = 0\ntry:\n${lines.replace(/^/gm, '  ')}\nexcept Exception as x: e = getattr(x, 'code', None) or os.strerror(getattr(x, 'errno', None) or 0)\n${result}`

const rows: LimitRow[] = [
  {
    limit: 'timeoutMs',
    limits: { timeoutMs: 200 },
    guest: 'while True:\n  try:\n    while True: pass\n  except BaseException: pass',
    ends: killed('TOKA_LIMIT_TIME'),
    measured: ({ usage }) => usage.wallMs,
    // Two cores may be taken by another test: what is promised is measured by the benchmark.
    within: 2_000,
  },
  {
    limit: 'fuel',
    limits: { fuel: 1_000_000 },
    guest: 'while True: pass',
    ends: killed('TOKA_LIMIT_FUEL'),
    measured: ({ usage }) => usage.fuel,
    within: 1_000_100,
  },
  {
    limit: 'memoryBytes',
    limits: { memoryBytes: 96 * MiB, timeoutMs: 20_000 },
    guest: 'a = []\nwhile True: a.append(bytes(10 ** 6))',
    ends: {},
    measured: ({ usage, error }) =>
      /MEMORY|GUEST_ERROR/.test(error?.code ?? '') ? usage.memoryBytes : Number.POSITIVE_INFINITY,
    within: 96 * MiB,
  },
  {
    limit: 'outputBytes',
    limits: { outputBytes: 10_000 },
    guest: 'import sys\nfor i in range(500):\n  print("x" * 99)\n  print("y" * 99, file=sys.stderr)',
    ends: { status: 'completed', truncated: { stdout: true, stderr: true } },
    measured: ({ stdout, stderr }) => Math.max(stdout.length, stderr.length),
    within: 10_000,
  },
  {
    limit: 'fileBytes',
    limits: { fileBytes: MiB },
    guest: caught(
      "with open('/tmp/a', 'ab', buffering=0) as f:\n  while True: n += f.write(bytes(10 ** 4))",
      'n if e else e',
    ),
    ends: { status: 'completed' },
    measured: ({ value }) => value as number,
    within: MiB,
  },
  {
    limit: 'fileNodes',
    limits: { fileNodes: 100 },
    guest: caught("while True:\n  n += 1\n  os.mkdir(f'/tmp/d{n}')", '[n <= 100, e]'),
    ends: is([true, 'No space left on device']),
  },
  {
    limit: 'descriptors',
    limits: { descriptors: 20 },
    guest: caught("kept = []\nwhile True: kept.append(open('/tmp/a', 'w'))", '[len(kept) <= 20, e]'),
    ends: is([true, 'No file descriptors available']),
  },
  {
    limit: 'hostCalls',
    limits: { hostCalls: 20 },
    guest: 'from toka import tools\nwhile True:\n  try: await tools.give.aio(bytes=1)\n  except Exception: pass',
    ends: killed('TOKA_LIMIT_CALLS'),
    measured: ({ usage }) => usage.hostCalls,
    within: 20,
  },
  {
    limit: 'concurrentCalls',
    limits: { concurrentCalls: 4 },
    guest:
      'import asyncio\nfrom toka import tools\nall = await asyncio.gather(*(tools.give.aio(bytes=1) for _ in range(40)), return_exceptions=True)\nany(isinstance(x, Exception) for x in all)',
    ends: { status: 'completed' },
    // Where no guest can be suspended, its calls wait one for the other, and none is refused.
    measured: ({ value }) => (value || mostAtOnce() === 1 ? mostAtOnce() : Number.POSITIVE_INFINITY),
    within: 4,
  },
  {
    limit: 'structuredBytes',
    limits: { structuredBytes: 1_000 },
    guest: caught("await tools.give.aio(bytes=1, pad='x' * 2_000)"),
    ends: is('TOKA_VALUE_SIZE'),
  },
  {
    limit: 'flatBytes',
    limits: { flatBytes: 1_000 },
    guest: caught('await tools.give.aio(bytes=2_000)'),
    ends: is('TOKA_VALUE_SIZE'),
  },
]

preparePython()

/** Whose guests call an asynchronous tool. */
const CALLING: ReadonlySet<string> = new Set(['hostCalls', 'concurrentCalls', 'structuredBytes', 'flatBytes'])

describe.each(WAYS)('%s', (way) => {
  test.for(rows)('limits.$limit', async (row, { skip }) => {
    const calls = way !== 'inline' || (await canSuspend())
    // On the caller's thread, which may not wait, its calls are refused as TOKA_CALL_BLOCKING.
    skip(!calls && CALLING.has(row.limit), skipReasons.noJspi)
    const next = calls ? 'from toka import tools\nlen(await tools.give.aio(bytes=3))' : '1 + 2'
    await driveInto(way, row, { language: 'python', ...GIVEN }, { source: next })
  })
})

test('every limit has its row', () => {
  const covered = new Set<string>([...rows.map(({ limit }) => limit), 'processes'])
  expect([...covered].sort()).toEqual(Object.keys(DEFAULT_LIMITS).sort())
})
