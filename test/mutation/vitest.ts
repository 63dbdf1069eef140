/** What test files take from vitest, for mutants: tests are kept in a list and called by name, many times in one process. */
export { expect } from '../../node_modules/vitest/dist/index.js'

type Work = (...given: never[]) => unknown
export type Test = { name: string; run: () => Promise<void> }

/** How a test says that it cannot run here. */
class Skipped extends Error {}

const context = {
  skip(when: unknown = true): void {
    if (when) throw new Skipped()
  },
}

let kept: Test[] = []
let before: Work[] = []
let prefix = ''

/** The tests that were defined since it was last asked. */
export function takeTests(): Test[] {
  const tests = kept
  kept = []
  return tests
}

function keep(name: string, work: Work, given: readonly unknown[]): void {
  const first = before
  const run = async (): Promise<void> => {
    try {
      for (const each of first) await each()
      await work(...(given as never[]))
    } catch (error) {
      if (!(error instanceof Skipped)) throw error
    }
  }
  kept.push({ name: `${prefix}${name} #${kept.length}`, run })
}

const each =
  (rows: readonly unknown[]) =>
  (name: string, work: Work): void => {
    for (const row of rows) keep(name, work, Array.isArray(row) ? row : [row])
  }

export const test = Object.assign((name: string, work: Work) => keep(name, work, [context]), { each })

export function describe(name: string, work: () => void): void {
  const [outerPrefix, outerBefore] = [prefix, before]
  prefix += `${name} > `
  before = [...before]
  work()
  prefix = outerPrefix
  before = outerBefore
}

export function beforeEach(work: Work): void {
  before.push(work)
}
