/** How a run ended, made into its result: the exit, what the gate saw, and what was used. */
import { formatRule } from '../../capabilities/format-rule.ts'
import type { Exit, StopReason } from '../engine.ts'
import { TokaError, type TokaErrorCode } from '../errors.ts'
import { type Denial, GUEST_IMPORT } from '../gate/denials.ts'
import type { Gate } from '../gate/gate.ts'
import type { Metering } from '../limits.ts'
import type { Process } from '../kernel/process.ts'
import type { RunError, RunResult, RunStatus } from '../result.ts'
import type { PendingCall } from '../tool.ts'
import type { RunLeash } from './leash.ts'
import type { RunOutcome } from './order.ts'

const STOPS: Readonly<Record<StopReason, { status: RunStatus; code: TokaErrorCode; message: string }>> = {
  time: { status: 'limit', code: 'TOKA_LIMIT_TIME', message: 'the time limit is over (limits.timeoutMs)' },
  fuel: { status: 'limit', code: 'TOKA_LIMIT_FUEL', message: 'the fuel is burned (limits.fuel)' },
  memory: { status: 'limit', code: 'TOKA_LIMIT_MEMORY', message: 'the memory is full (limits.memoryBytes)' },
  stack: { status: 'limit', code: 'TOKA_LIMIT_STACK', message: 'the stack is full: the recursion is too deep' },
  calls: { status: 'limit', code: 'TOKA_LIMIT_CALLS', message: 'too many host calls (limits.hostCalls)' },
  cancelled: { status: 'cancelled', code: 'TOKA_CANCELLED', message: 'the run was cancelled' },
  interrupted: {
    status: 'interrupted',
    code: 'TOKA_INTERRUPTED',
    message: 'the run was interrupted: its worker was lost',
  },
}

/** What is known only at the end. */
export type RunFacts = {
  process: Process
  pending: PendingCall[]
  memoryBytes: number
  metering: Metering
  engine: RunResult['engine']
}

/** Made at a run's start, finished at its end. */
export class RunReport {
  readonly #gate: Gate
  readonly #leash: RunLeash
  readonly #started = performance.now()

  constructor(gate: Gate, leash: RunLeash) {
    this.#gate = gate
    this.#leash = leash
  }

  /** @param collect gathers the files; a TokaError of it is how the run failed */
  finish(exit: Exit, facts: RunFacts, collect: () => Record<string, Uint8Array>): RunOutcome {
    const { stdout, stderr } = facts.process
    const [files, problem] = gathered(collect)
    const { denials } = this.#gate
    const ending = endingOf(problem && !exit.stopped ? { ...exit, error: problem } : borneOut(exit, denials))
    const usage = this.#gate.usage()
    return {
      ...ending,
      exitCode: ending.status === 'completed' ? exit.exitCode : exit.exitCode || 1,
      stdout: stdout.text(),
      stderr: stderr.text(),
      truncated: { stdout: stdout.truncated, stderr: stderr.truncated },
      files,
      usage: {
        wallMs: performance.now() - this.#started,
        cpuMs: this.#leash.cpuMs,
        fuel: this.#leash.used,
        metering: facts.metering,
        memoryBytes: facts.memoryBytes,
        hostCalls: usage.hostCalls,
        bytesRead: usage.bytesRead,
        bytesWritten: usage.bytesWritten,
        outputBytes: stdout.total + stderr.total,
      },
      denials: [...denials],
      pending: facts.pending,
      audit: this.#gate.audit(),
      engine: facts.engine,
    }
  }
}

function gathered(collect: () => Record<string, Uint8Array>): [Record<string, Uint8Array>, RunError?] {
  try {
    return [collect()]
  } catch (error) {
    if (!(error instanceof TokaError)) throw error
    return [{}, { code: error.code, message: error.message }]
  }
}

/**
 * An exit whose denial is the gate's: the guest's word for it is not enough, and the rule that would allow it comes from
 * the record alone. Of several the one that the message names, or the last.
 */
function borneOut(exit: Exit, denials: readonly Denial[]): Exit & { error?: RunError } {
  const { error } = exit
  if (error?.code !== 'TOKA_DENIED') return exit
  const denial =
    denials.findLast(({ resource }) => resource !== '' && error.message.includes(resource)) ?? denials.at(-1)
  if (!denial) return { ...exit, error: { ...error, code: 'TOKA_GUEST_ERROR' } }
  if (denial.reason !== 'no-grant' || denial.operation === GUEST_IMPORT) return exit
  return { ...exit, error: { ...error, grant: formatRule(denial.operation, denial.resource, denial.method) } }
}

function endingOf({ stopped, error, value }: Exit & { error?: RunError }): {
  status: RunStatus
  value?: Uint8Array
  error?: RunError
} {
  if (stopped) {
    const { status, code, message } = STOPS[stopped]
    return { status, error: { code, message } }
  }
  if (error) return { status: 'failed', error }
  return { status: 'completed', ...(value ? { value } : {}) }
}

/** A run that was cancelled while it waited its turn. */
export function neverBegun(engine: RunResult['engine']): RunOutcome {
  return stoppedOutcome('cancelled', { wallMs: 0, pending: [], engine })
}

/** What is known of a run whose sandbox cannot tell any more. */
export function stoppedOutcome(
  reason: StopReason,
  facts: { wallMs: number; pending: PendingCall[]; engine: RunResult['engine'] },
): RunOutcome {
  const nothing = { cpuMs: 0, fuel: 0, memoryBytes: 0, hostCalls: 0, bytesRead: 0, bytesWritten: 0, outputBytes: 0 }
  return {
    ...endingOf({ exitCode: 1, stopped: reason, lost: true }),
    exitCode: 1,
    stdout: '',
    stderr: '',
    truncated: { stdout: false, stderr: false },
    files: {},
    usage: { wallMs: facts.wallMs, ...nothing, metering: 'fast' },
    denials: [],
    pending: facts.pending,
    audit: { records: 0, head: '0'.repeat(64) },
    engine: facts.engine,
  }
}
