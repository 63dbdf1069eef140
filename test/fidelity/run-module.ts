/** One module of CPython's tests in, what became of each of its tests out: sandboxes that a test ends are counted against it. */
import type { Sandbox, Toka } from '../../src/index.ts'
import { SKEW, SKEW_REASON } from './modules.ts'

export type Outcome = { kind: 'passed' | 'failed' | 'skipped'; reason: string }
export type Told = Map<string, Outcome>

export type FidelityWorld = {
  toka: Toka
  /** The host directory `Lib/test`. */
  tests: string
  /** Modules of the library that tests import and that an image leaves out, by their paths beside the tests. */
  library: Readonly<Record<string, string>>
  /** The source of runner.py. */
  runner: string
}

/** Tests of one class that may end their sandbox before the rest is given up. */
const MOST_DEATHS = 40

const LIMITS = {
  timeoutMs: 600_000,
  memoryBytes: 512 * 2 ** 20,
  hostCalls: 100_000_000,
  fileBytes: 256 * 2 ** 20,
  outputBytes: 2 ** 24,
}

function open({ toka, tests, library }: FidelityWorld): Promise<Sandbox> {
  return toka.open({
    language: 'python',
    mounts: [{ at: '/cpython/test', from: tests, mode: 'ro' }],
    grants: [{ resource: 'fs', actions: ['read'], paths: ['/cpython/**'] }],
    files: Object.fromEntries(Object.entries(library).map(([path, text]) => [`/cpython/${path}`, text])),
    env: { HOME: '/tmp' },
    limits: LIMITS,
  })
}

type Ran = { value?: unknown; last: string; problem: string }

/** Tests that are not run: by whole names, and all that are not of one class. */
type Left = { ended: readonly string[]; only?: string }

/** @param left nothing for the names of the module's classes */
async function runOnce(world: FidelityWorld, module: string, left?: Left): Promise<Ran> {
  const sandbox = await open(world)
  try {
    const out = left && {
      ...{ names: [...left.ended], only: left.only ?? null },
      ...{ methods: SKEW[module] ?? [], reason: SKEW_REASON },
    }
    const input = { path: '/cpython', module: `test.${module}`, left: out ?? null }
    const { status, value, error, stderr } = await sandbox.run({ source: world.runner, file: '/tool/runner.py', input })
    const last = stderr.match(/^test\.\S+$/gm)?.at(-1) ?? module
    if (status === 'completed' && value) return { value, last, problem: '' }
    return {
      last,
      problem: `${error?.code ?? status}: ${error?.message ?? ''} ${error?.guestStack ?? ''}`.slice(0, 600),
    }
  } finally {
    await sandbox.dispose()
  }
}

function tell(told: Told, value: unknown): void {
  for (const [test, [kind, reason]] of Object.entries(value as Record<string, [Outcome['kind'], string]>))
    told.set(test, { kind, reason })
}

/** Runs the tests of one class to their end, however many sandboxes that takes. */
async function runClass(world: FidelityWorld, module: string, only: string, told: Told): Promise<void> {
  const ended: string[] = []
  for (;;) {
    const { value, last, problem } = await runOnce(world, module, { ended, only })
    if (value) return tell(told, value)
    told.set(last, { kind: 'failed', reason: `the run ended: ${problem}` })
    if (ended.includes(last) || ended.length >= MOST_DEATHS) return
    ended.push(last)
  }
}

/**
 * Runs a module. When one of its tests ends the sandbox, each class has one of its own: what damaged the interpreter's memory
 * may have been a test long before the one that fell.
 */
export async function runModule(world: FidelityWorld, module: string): Promise<Told> {
  const told: Told = new Map()
  const whole = await runOnce(world, module, { ended: [] })
  if (whole.value) {
    tell(told, whole.value)
    return told
  }
  process.stdout.write(`${module}: class by class, since ${whole.last} ended the sandbox: ${whole.problem}\n`)
  const classes = await runOnce(world, module)
  if (!Array.isArray(classes.value)) told.set(whole.last, { kind: 'failed', reason: `the run ended: ${whole.problem}` })
  else for (const only of classes.value) await runClass(world, module, String(only), told)
  return told
}
