/** Guests that parse, verdicts from made-up measurements, tables from made-up rows. */
import { describe, expect, test } from 'vitest'
import type { Guest } from '../../bench/limits/guest.ts'
import { GUESTS } from '../../bench/limits/guests.ts'
import type { Measured, Report } from '../../bench/limits/measured.ts'
import { page, partOf } from '../../bench/limits/page.ts'
import { markdownTable, summaryTable } from '../../bench/limits/table.ts'
import { better, isClose, isRed, judge, memoryAllowed } from '../../bench/limits/verdict.ts'

const MiB = 2 ** 20
const loop = GUESTS.find(({ name }) => name === 'loop') as Guest
const harmless = GUESTS.find(({ name }) => name === 'harmless') as Guest

const report: Report = {
  wallMs: 256,
  frozenMs: 3,
  ending: { by: 'error', detail: 'the time limit is over' },
  outputBytes: 0,
  escapes: [],
  leaks: [],
}
const measured = (changes: Partial<Report> = {}, grownBytes = 0): Measured => ({
  grownBytes,
  report: { ...report, ...changes },
})

describe('the guests', () => {
  test('have names of their own', () => {
    expect(new Set(GUESTS.map(({ name }) => name)).size).toBe(GUESTS.length)
    expect(GUESTS.length).toBeGreaterThan(40)
  })

  const scripts = GUESTS.filter((guest) => guest.language === 'javascript')
  test.each(scripts.map((guest) => [guest.name, guest] as const))('%s is a program', (_name, { source, waits }) => {
    const kind = waits ? async () => {} : () => {}
    expect(() => Reflect.construct(kind.constructor, ['call', source])).not.toThrow()
  })

  const modules = GUESTS.filter((guest) => guest.language === 'wasm')
  test.each(modules.map((guest) => [guest.name, guest] as const))('%s is a module', (_name, { module }) => {
    expect(WebAssembly.validate(module({ outside: '/outside' }))).toBe(true)
  })
})

describe('a verdict', () => {
  test.each<[string, Measured, string]>([
    ['held +6 ms', measured(), 'held'],
    ['held', measured({ wallMs: 100 }), 'held'],
    ['late +750 ms', measured({ wallMs: 1_000 }), 'late'],
    ['froze 250 ms', measured({ frozenMs: 250 }), 'froze'],
    ['late +1.8 s, froze 2.0 s', measured({ wallMs: 2_000, frozenMs: 2_000 }), 'late'],
    ['300 MiB of 128 MiB', measured({}, 300 * MiB), 'memory'],
    ["escaped: saw the host's globals", measured({ escapes: ["saw the host's globals"], wallMs: 9_000 }), 'escaped'],
    ['saw a stack of the host', measured({ leaks: ['saw a stack of the host'] }), 'leaked'],
    ['broken afterwards: gone', measured({ broken: 'gone' }), 'broken'],
    ['kept 3 MiB', measured({ outputBytes: 3 * MiB }), 'output'],
    ['refused', measured({ ending: { by: 'refused', detail: '' } }), 'refused'],
    ['crashed: SIGSEGV', { grownBytes: 0, crashed: 'SIGSEGV' }, 'crashed'],
    ['failed: not there', { grownBytes: 0, unavailable: 'not there' }, 'failed'],
    ['took 2.0 GiB', { grownBytes: 2 ** 31, killed: { for: 'memory', afterMs: 90, frozenMs: 9 } }, 'killed'],
  ])('is "%s"', (text, facts, mark) => {
    const verdict = judge(loop, facts)
    expect(verdict.mark).toBe(mark)
    expect(verdict.text.startsWith(text)).toBe(true)
  })

  test('is red for all that a limit should have stopped, and for nothing else', () => {
    const facts: Measured = { grownBytes: 0, killed: { for: 'time', afterMs: 5_250, frozenMs: 5_200 } }
    expect(judge(loop, facts)).toEqual({ mark: 'killed', text: 'ran on 5.3 s, frozen' })
    expect(isRed('killed') && isRed('late') && isRed('leaked')).toBe(true)
    expect(isRed('froze') || isRed('held') || isRed('refused') || isRed('absent')).toBe(false)
  })

  test('on the harmless guest depends on its value', () => {
    expect(judge(harmless, measured({ ending: { by: 'value', detail: 'sum 42 list' } })).mark).toBe('held')
    expect(judge(harmless, measured({ ending: { by: 'error', detail: 'no call' } }))).toEqual({
      mark: 'failed',
      text: 'no call',
    })
  })

  test('allows a tenth over the limit and something for the host', () => {
    expect(judge(loop, measured({}, memoryAllowed(loop))).mark).toBe('held')
    expect(judge(loop, measured({}, memoryAllowed(loop) + 1)).mark).toBe('memory')
  })

  test('is tried again only when it is close', () => {
    const isCloseFor = (facts: Measured) => isClose(judge(loop, facts), loop, facts)
    expect(isCloseFor(measured({ frozenMs: 90 }))).toBe(true)
    expect(isCloseFor(measured({ frozenMs: 250 }))).toBe(false)
    expect(isCloseFor(measured())).toBe(false)
    expect(better({ mark: 'late', text: 'a' }, { mark: 'froze', text: 'b' }).text).toBe('b')
    expect(better({ mark: 'held', text: 'a' }, { mark: 'escaped', text: 'b' }).text).toBe('a')
  })
})

describe('the page', () => {
  test('keeps the part of a language that was not measured', () => {
    const [scripts, modules] = (['javascript', 'wasm'] as const).map((language) => {
      const circumstances = { date: '2026-01-01', versions: { node: '1' }, machine: language, load: 1 }
      return partOf(language, [], [], circumstances)
    })
    const first = page('', 'javascript', scripts as string)
    expect(first).toContain('## JavaScript')
    const both = page(first, 'wasm', modules as string)
    expect(both.indexOf('## WASI modules')).toBeGreaterThan(both.indexOf('## JavaScript'))
    expect(page(both, 'javascript', scripts as string)).toBe(both)
  })
})

describe('a table', () => {
  test('keeps what a guest wrote in its cell', () => {
    const table = markdownTable(['guest', 'x'], [['a', 'one | two\n<b>']])
    expect(table.split('\n')).toEqual([
      '| guest | x                |',
      '| ----- | ---------------- |',
      '| a     | one \\| two \\<b\\> |',
    ])
  })

  test('counts each cell of a sandbox once', () => {
    const row = (facts: Measured, guest = loop) => ({ guest, peer: 'p', measured: facts, verdict: judge(guest, facts) })
    const rows = [
      row(measured()),
      row(measured({ frozenMs: 250 })),
      row({ grownBytes: 2 ** 31, killed: { for: 'memory', afterMs: 90, frozenMs: 9 } }),
      row({ grownBytes: 0, killed: { for: 'time', afterMs: 5_250, frozenMs: 5_200 } }),
      row(measured({ escapes: ['x'] })),
    ]
    const line = summaryTable([{ name: 'p', kind: '', version: '1.0.0' }], rows).split('\n')[2] ?? ''
    const cells = line.split('|').map((text) => text.trim())
    expect(cells.slice(1, -1)).toEqual(['p 1.0.0', '1 of 5', '1', '1', '1', '0', '1', '5.0 s', '5.2 s', '2.0 GiB'])
  })
})
