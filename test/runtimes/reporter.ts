/** Writes what vitest reports to a file, one JSON line an event, so that a killed run still says how far it came. */
import { appendFileSync } from 'node:fs'
import type { SerializedError } from 'vitest'
import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node'
import type { TestEvent } from './report.ts'

/** Where the events go; set by the runner. */
const file = process.env.TOKA_TEST_EVENTS

function write(event: TestEvent): void {
  if (file) appendFileSync(file, `${JSON.stringify(event)}\n`)
}

/** Milliseconds between two signs of life: a file is reported when it ends, and some take minutes. */
const EVERY_MS = 60_000

const nameOf = (error: { message?: string }) => (error.message ?? 'an error without a message').split('\n')[0] ?? ''

export default class EventReporter implements Reporter {
  #done = 0
  #told = Date.now()

  onTestModuleQueued(module: TestModule): void {
    write({ kind: 'file-started', file: module.relativeModuleId })
  }

  onTestCaseResult(test: TestCase): void {
    const result = test.result()
    if (result.state === 'pending') return
    this.#tell()
    const name = `${test.module.relativeModuleId} > ${test.fullName}`
    if (result.state === 'skipped') write({ kind: 'skipped', name, note: result.note ?? '' })
    else write({ kind: result.state, name })
  }

  /** Tests that end are what the watchdog waits for. */
  #tell(): void {
    this.#done++
    if (Date.now() - this.#told < EVERY_MS) return
    this.#told = Date.now()
    process.stdout.write(` … ${this.#done} tests have ended\n`)
  }

  onTestSuiteResult(suite: TestSuite): void {
    for (const error of suite.errors()) write({ kind: 'error', name: `${suite.fullName}: ${nameOf(error)}` })
  }

  onTestModuleEnd(module: TestModule): void {
    for (const error of module.errors()) write({ kind: 'error', name: `${module.relativeModuleId}: ${nameOf(error)}` })
    write({ kind: 'file-ended', file: module.relativeModuleId })
  }

  onTestRunEnd(_modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    for (const error of errors) write({ kind: 'error', name: `outside of any test: ${nameOf(error)}` })
    write({ kind: 'run-ended' })
  }
}
