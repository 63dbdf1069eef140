/** Sources in, the same with every mutant of Stryker's default mutators inside, each behind a switch, out. */
import { readFile } from 'node:fs/promises'

/** One change of one place. */
export type Mutant = { id: string; file: string; line: number; mutator: string; replacement: string }

export type Instrumented = { sources: Record<string, string>; mutants: Mutant[] }

/** What is used of Stryker's packages, which are there only after `npm run mutate` has put them beside this file. */
type Injector = { provideValue(token: string, value: unknown): Injector }
type Result = {
  files: { name: string; content: string }[]
  mutants: {
    id: string
    fileName: string
    location: { start: { line: number } }
    mutatorName: string
    replacement?: string
  }[]
}
type Instrumenter = { instrument(files: object[], options: object): Promise<Result> }
type Packages = {
  createInjector(): Injector
  createInstrumenter(injector: Injector): Instrumenter
  commonTokens: { logger: string }
}

const NAMES = ['typed-inject', '@stryker-mutator/instrumenter', '@stryker-mutator/api/plugin']

const silent = (): void => {}
const logger = {
  isTraceEnabled: () => false,
  isDebugEnabled: () => false,
  trace: silent,
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
}

/** @param files absolute paths */
export async function instrument(files: readonly string[]): Promise<Instrumented> {
  const parts: Packages = Object.assign({}, ...(await Promise.all(NAMES.map((name) => import(name)))))
  const injector = parts.createInjector().provideValue(parts.commonTokens.logger, logger)
  const given = await Promise.all(
    files.map(async (name) => ({ name, content: await readFile(name, 'utf8'), mutate: true })),
  )
  // Nothing is excluded and nothing ignored.
  const options = { plugins: null, excludedMutations: [], ignorers: [] }
  const result = await parts.createInstrumenter(injector).instrument(given, options)
  return {
    sources: Object.fromEntries(result.files.map(({ name, content }) => [name, content])),
    mutants: result.mutants.map(({ id, fileName, location, mutatorName, replacement = '' }) => ({
      id,
      file: fileName,
      line: location.start.line + 1,
      mutator: mutatorName,
      replacement,
    })),
  }
}
