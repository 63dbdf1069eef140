/** A sandbox's parts in, the sandbox on this very thread out: kernel, gate and capability VM are loaded with the first one. */
import { composeSandbox } from './compose.ts'
import type { ExecutionEngine } from './engine.ts'
import type { Ledger } from './gate/ledger.ts'
import { openPolicy } from './gate/policy.ts'
import type { RunResult } from './result.ts'
import { CallerGuard } from './sandbox/caller-guard.ts'
import { InlineSandbox } from './sandbox/inline-sandbox.ts'
import type { PoolRequest } from './sandbox/pool.ts'
import { neverBegun } from './sandbox/report.ts'
import type { Sandbox } from './sandbox/surface.ts'

/** @throws TokaError as `composeSandbox`; TOKA_GRANT_INVALID */
export async function openInline(
  { toolbox, seal, onFork, onDispose, ...parts }: Omit<PoolRequest, 'engine'>,
  engine: ExecutionEngine,
  ledger: Ledger,
): Promise<Sandbox> {
  const policy = parts.policy ?? openPolicy(parts.options.grants ?? [], ledger)
  const guard = new CallerGuard(parts.options.onTrace)
  const options = guard.onTrace ? { ...parts.options, onTrace: guard.onTrace } : parts.options
  try {
    const sandbox = await composeSandbox({ ...parts, options, engine, policy, ledger, tools: toolbox })
    return new InlineSandbox(sandbox, guard, onFork, onDispose, seal)
  } finally {
    // The sandbox's gate holds the account itself.
    ledger.release(policy.account)
  }
}

/** The result of a run that was cancelled before it had a sandbox. */
export function neverOpened<T>(): RunResult<T> {
  const { value: _, ...result } = neverBegun({ name: '', version: '', image: '' })
  return result
}
