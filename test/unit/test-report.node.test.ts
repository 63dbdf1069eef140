/** What a runtime's test run reported goes in; the counts must call everything a failure that proves less than it should. */
import { describe, expect, test } from 'vitest'
import { allPassed, parseEvents, reportAbsent, reportRun, summarise, type TestEvent } from '../runtimes/report.ts'
import { skipReasons } from '../skip-reasons.ts'

const goodEnd = { killedBy: undefined, exitCode: 0 }
const passes = (count: number): TestEvent[] =>
  Array.from({ length: count }, (_, i) => ({ kind: 'passed', name: `test ${i}` }))
const ended: TestEvent = { kind: 'run-ended' }
const skip = (note: string): TestEvent => ({ kind: 'skipped', name: 'a test', note })

describe('counting a run', () => {
  test('a clean run counts its passes and nothing else', () => {
    const report = reportRun('node26', [...passes(3), ended], goodEnd, 1)
    expect(report).toMatchObject({ passed: 3, failed: 0, skipped: 0, failures: [] })
  })

  test('a failed test and an error outside of tests are a failure each', () => {
    const events: TestEvent[] = [
      ...passes(1),
      { kind: 'failed', name: 'broken' },
      { kind: 'error', name: 'import' },
      ended,
    ]
    const report = reportRun('node26', events, { killedBy: undefined, exitCode: 1 }, 1)
    expect(report.failures).toEqual(['broken', 'import'])
  })

  test('a killed run is a failure that names the files that were not finished', () => {
    const events: TestEvent[] = [
      { kind: 'file-started', file: 'a.test.ts' },
      { kind: 'file-started', file: 'b.test.ts' },
      ...passes(5),
      { kind: 'file-ended', file: 'a.test.ts' },
    ]
    const report = reportRun('node26', events, { killedBy: 'silence', exitCode: undefined }, 1)
    expect(report).toMatchObject({ passed: 5, failed: 1 })
    expect(report.failures[0]).toContain('not finished: b.test.ts')
  })

  test('a run that ends without saying so is a failure, even with exit code 0', () => {
    expect(reportRun('node26', passes(5), goodEnd, 1).failed).toBe(1)
  })

  test('an exit code that no counted failure explains is a failure', () => {
    expect(reportRun('node26', [...passes(5), ended], { killedBy: undefined, exitCode: 1 }, 1).failed).toBe(1)
  })
})

describe('skips', () => {
  test('three of a hundred tests may be skipped for listed reasons', () => {
    const events = [
      ...passes(97),
      skip(skipReasons.noJspi),
      skip(skipReasons.noJspi),
      skip(skipReasons.noFileSystem),
      ended,
    ]
    const report = reportRun('node22', events, goodEnd, 1)
    expect(report).toMatchObject({ passed: 97, failed: 0, skipped: 3 })
    expect(summarise([report])).toContain(`skipped node22: 2 x ${skipReasons.noJspi}`)
  })

  test('four of a hundred are a failure', () => {
    const events = [...passes(96), ...Array.from({ length: 4 }, () => skip(skipReasons.noJspi)), ended]
    expect(reportRun('node22', events, goodEnd, 1).failed).toBe(1)
  })

  test.each(['', 'flaky today'])('the reason %j is not on the list and a failure', (note) => {
    expect(reportRun('node22', [...passes(99), skip(note), ended], goodEnd, 1).failed).toBe(1)
  })
})

describe('all runtimes together', () => {
  const good = reportRun('node26', [...passes(2), ended], goodEnd, 1)

  test('the last line sums passes and failures over the runtimes', () => {
    const bad = reportRun(
      'chromium',
      [...passes(1), { kind: 'failed', name: 'x' }, ended],
      { killedBy: undefined, exitCode: 1 },
      1,
    )
    expect(summarise([good, bad]).split('\n').at(-1)).toBe('tests: 3 passed, 1 failed')
    expect(allPassed([good, bad])).toBe(false)
  })

  test('a runtime that does not start fails a CI run and is only told elsewhere', () => {
    expect(allPassed([good, reportAbsent('chromium', 'none found', true)])).toBe(false)
    const told = reportAbsent('chromium', 'none found', false)
    expect(allPassed([good, told])).toBe(true)
    expect(summarise([good, told])).toContain('NOT RUN: none found')
  })

  test('no test at all is a failure', () => {
    const empty = reportRun('node26', [ended], goodEnd, 1)
    expect(allPassed([empty])).toBe(false)
    expect(summarise([empty]).split('\n').at(-1)).toBe('tests: 0 passed, 1 failed')
  })
})

test('a line that was cut when the run was killed is left out', () => {
  expect(parseEvents('{"kind":"passed","name":"a"}\n{"kind":"pas')).toEqual([{ kind: 'passed', name: 'a' }])
})
