/** One module of CPython's tests in, what became of each of its tests out: sandboxes that a test ends are counted against it. */
import type { Sandbox, Toka } from '../../src/index.ts'
import { SKEW } from './modules.ts'

export type Outcome = { kind: 'passed' | 'failed' | 'skipped'; reason: string }
export type Told = Map<string, Outcome>

export type FidelityWorld = {
  toka: Toka
  /** The host directory `Lib/test`. */
  tests: string
  /** The source of runner.py. */
  runner: string
}

/** Tests of one module that may end their sandbox before the rest is given up. */
const MOST_DEATHS = 40

const LIMITS = {
  timeoutMs: 1_200_000,
  memoryBytes: 512 * 2 ** 20,
  hostCalls: 100_000_000,
  fileBytes: 256 * 2 ** 20,
  outputBytes: 2 ** 20,
}

function open({ toka, tests }: FidelityWorld): Promise<Sandbox> {
  return toka.open({
    language: 'python',
    mounts: [{ at: '/cpython/test', from: tests, mode: 'ro' }],
    grants: [{ resource: 'fs', actions: ['read'], paths: ['/cpython/**'] }],
    limits: LIMITS,
  })
}

type Ran = { told?: Record<string, [string, string]>; last: string; problem: string }

async function runOnce(world: FidelityWorld, module: string, excluded: readonly string[]): Promise<Ran> {
  const sandbox = await open(world)
  const ran: Ran = { last: module, problem: '' }
  try {
    const input = { path: '/cpython', module: `test.${module}`, excluded }
    for await (const event of sandbox.stream({ source: world.runner, file: '/tool/runner.py', input })) {
      if (event.type === 'progress') ran.last = event.message ?? ran.last
      if (event.type !== 'result') continue
      const { status, value, error } = event.result
      if (status === 'completed' && value) ran.told = value as Record<string, [string, string]>
      else ran.problem = `${error?.code ?? status}: ${error?.message ?? ''} ${error?.guestStack ?? ''}`.slice(0, 600)
    }
  } finally {
    await sandbox.dispose()
  }
  return ran
}

function skewOf(test: string): string | undefined {
  return Object.entries(SKEW).find(([end]) => test.endsWith(end))?.[1]
}

/** Runs a module to its end, however many sandboxes that takes. */
export async function runModule(world: FidelityWorld, module: string): Promise<Told> {
  const told: Told = new Map()
  const ended: string[] = []
  for (;;) {
    const ran = await runOnce(world, module, ended)
    for (const [test, [kind, reason]] of Object.entries(ran.told ?? {})) {
      const skew = kind === 'failed' ? skewOf(test) : undefined
      told.set(test, skew ? { kind: 'skipped', reason: skew } : { kind: kind as Outcome['kind'], reason })
    }
    if (ran.told) return told
    told.set(ran.last, { kind: 'failed', reason: `the run ended: ${ran.problem}` })
    if (ended.includes(ran.last) || ended.length >= MOST_DEATHS) return told
    ended.push(ran.last)
  }
}
