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

/** Tests of one module that may end their sandbox before the rest is given up. */
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

type Ran = { told?: Record<string, [Outcome['kind'], string]>; last: string; problem: string }

async function runOnce(world: FidelityWorld, module: string, ended: readonly string[]): Promise<Ran> {
  const sandbox = await open(world)
  try {
    const left = { names: ended, methods: SKEW[module] ?? [], reason: SKEW_REASON }
    const input = { path: '/cpython', module: `test.${module}`, left }
    const { status, value, error, stderr } = await sandbox.run({ source: world.runner, file: '/tool/runner.py', input })
    const last = stderr.match(/^test\.\S+$/gm)?.at(-1) ?? module
    if (status === 'completed' && value) return { told: value as NonNullable<Ran['told']>, last, problem: '' }
    return {
      last,
      problem: `${error?.code ?? status}: ${error?.message ?? ''} ${error?.guestStack ?? ''}`.slice(0, 600),
    }
  } finally {
    await sandbox.dispose()
  }
}

/** Runs a module to its end, however many sandboxes that takes. */
export async function runModule(world: FidelityWorld, module: string): Promise<Told> {
  const told: Told = new Map()
  const ended: string[] = []
  for (;;) {
    const ran = await runOnce(world, module, ended)
    for (const [test, [kind, reason]] of Object.entries(ran.told ?? {})) told.set(test, { kind, reason })
    if (ran.told) return told
    told.set(ran.last, { kind: 'failed', reason: `the run ended: ${ran.problem}` })
    if (ended.includes(ran.last) || ended.length >= MOST_DEATHS) return told
    ended.push(ran.last)
  }
}
