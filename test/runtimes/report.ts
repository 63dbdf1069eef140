/** Turns the events of one runtime's test run into counts and verdicts, and all runtimes' counts into a table. */
import { skipReasons } from '../skip-reasons.ts'

/** What the reporter writes, one a line. */
export type TestEvent =
  | { readonly kind: 'file-started' | 'file-ended'; readonly file: string }
  | { readonly kind: 'passed' | 'failed' | 'error'; readonly name: string }
  | { readonly kind: 'skipped'; readonly name: string; readonly note: string }
  | { readonly kind: 'run-ended' }

/** How the test process itself ended. */
export interface RunEnd {
  readonly killedBy: 'wall' | 'silence' | undefined
  readonly exitCode: number | undefined
}

export interface RuntimeReport {
  readonly runtime: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly seconds: number
  /** One line for each thing that counts as a failure. */
  readonly failures: readonly string[]
  /** How many tests were skipped for which reason. */
  readonly skips: ReadonlyMap<string, number>
}

/** A runtime that skips more than this share of its tests proves too little. */
export const maxSkippedShare = 0.03

const reasons: ReadonlySet<string> = new Set(Object.values(skipReasons))

/** Reads the reporter's file; a line that the kill cut in two is dropped. */
export function parseEvents(text: string): TestEvent[] {
  return text.split('\n').flatMap((line) => {
    try {
      return line ? [JSON.parse(line) as TestEvent] : []
    } catch {
      return []
    }
  })
}

/** Counts a run. Everything that keeps it from proving what it should is a failure: errors, hangs, skips without a reason. */
export function reportRun(runtime: string, events: readonly TestEvent[], end: RunEnd, seconds: number): RuntimeReport {
  const skips = new Map<string, number>()
  const failures: string[] = []
  let passed = 0
  let skipped = 0
  for (const event of events) {
    if (event.kind === 'passed') passed++
    else if (event.kind === 'failed' || event.kind === 'error') failures.push(event.name)
    else if (event.kind === 'skipped') {
      skipped++
      skips.set(event.note, (skips.get(event.note) ?? 0) + 1)
      if (!reasons.has(event.note)) failures.push(`${event.name}: skipped without a reason of test/skip-reasons.ts`)
    }
  }
  const total = passed + skipped + failures.length
  if (skipped > total * maxSkippedShare) {
    failures.push(`${skipped} of ${total} tests are skipped; at most ${maxSkippedShare * 100} % may be`)
  }
  failures.push(...failuresOfProcess(events, end, failures.length))
  return { runtime, passed, failed: failures.length, skipped, seconds, failures, skips }
}

function failuresOfProcess(events: readonly TestEvent[], end: RunEnd, failedTests: number): string[] {
  if (end.killedBy) {
    const limit = end.killedBy === 'wall' ? 'took too long' : 'said nothing for too long'
    return [
      `the test run ${limit} and was killed; not finished: ${unfinishedFiles(events).join(', ') || 'the start-up'}`,
    ]
  }
  const ended = events.some((event) => event.kind === 'run-ended')
  if (!ended) return [`the test run ended early with exit code ${end.exitCode ?? 'none'}`]
  if (end.exitCode !== 0 && failedTests === 0) return [`the test run failed with exit code ${end.exitCode ?? 'none'}`]
  return []
}

function unfinishedFiles(events: readonly TestEvent[]): string[] {
  const ended = new Set(events.flatMap((event) => (event.kind === 'file-ended' ? [event.file] : [])))
  const started = events.flatMap((event) => (event.kind === 'file-started' ? [event.file] : []))
  return started.filter((file) => !ended.has(file))
}

/** A runtime that could not be started at all; a failure where nobody looks (CI), a loud row elsewhere. */
export function reportAbsent(runtime: string, why: string, isFailure: boolean): RuntimeReport {
  const failures = isFailure ? [`did not start: ${why}`] : []
  return {
    runtime,
    passed: 0,
    failed: failures.length,
    skipped: 0,
    seconds: 0,
    failures,
    skips: new Map([[`NOT RUN: ${why}`, 0]]),
  }
}

/** The text after all runs: what failed, why tests were skipped, the table, and the line that other programs read. */
export function summarise(reports: readonly RuntimeReport[]): string {
  const lines = ['']
  for (const { runtime, failures } of reports)
    for (const failure of failures) lines.push(`FAILED ${runtime}: ${failure}`)
  for (const { runtime, skips } of reports)
    for (const [why, count] of skips) lines.push(`skipped ${runtime}: ${count} x ${why}`)
  const row = (...cells: readonly (string | number)[]) =>
    cells.map((cell, i) => (i ? String(cell).padStart(9) : String(cell).padEnd(10))).join('')
  lines.push('', row('runtime', 'passed', 'failed', 'skipped', 'seconds'))
  for (const { runtime, passed, failed, skipped, seconds } of reports) {
    lines.push(row(runtime, passed, failed, skipped, seconds.toFixed(1)))
  }
  const passed = reports.reduce((sum, report) => sum + report.passed, 0)
  const failed = reports.reduce((sum, report) => sum + report.failed, 0)
  // No test at all proves nothing, whatever else went well.
  lines.push('', `tests: ${passed} passed, ${passed + failed === 0 ? 1 : failed} failed`)
  return lines.join('\n')
}

/** True when every runtime did what it should and at least one test ran. */
export function allPassed(reports: readonly RuntimeReport[]): boolean {
  return reports.every((report) => report.failed === 0) && reports.some((report) => report.passed > 0)
}
