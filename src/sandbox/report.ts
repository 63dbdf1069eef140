/** How a run ended, made into its result: the exit, what the gate saw, and what was used. */
import type { z } from 'zod'
import type { Exit, StopReason } from '../engine.ts'
import { TokaError, type TokaErrorCode } from '../errors.ts'
import type { Gate } from '../gate/gate.ts'
import type { Process } from '../kernel/process.ts'
import { decodeValue, RUN_VALUE_LIMITS } from '../kernel/values.ts'
import type { RunOptions } from '../request.ts'
import type { RunError, RunResult, RunStatus } from '../result.ts'
import type { PendingCall } from '../tool.ts'
import type { RunLeash } from './leash.ts'

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
  finish(exit: Exit, options: RunOptions, facts: RunFacts, collect: () => Record<string, Uint8Array>): RunResult {
    const { stdout, stderr } = facts.process
    const [files, problem] = gathered(collect)
    const ending = this.#ending(problem && !exit.stopped ? { ...exit, error: problem } : exit, options)
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
        metering: 'fast',
        memoryBytes: facts.memoryBytes,
        hostCalls: usage.hostCalls,
        bytesRead: usage.bytesRead,
        bytesWritten: usage.bytesWritten,
        outputBytes: stdout.total + stderr.total,
      },
      denials: [...this.#gate.denials],
      pending: facts.pending,
      audit: this.#gate.audit(),
      engine: facts.engine,
    }
  }

  #ending(exit: Exit, options: RunOptions): { status: RunStatus; value?: unknown; error?: RunError } {
    if (exit.stopped) {
      const { status, code, message } = STOPS[exit.stopped]
      return { status, error: { code, message } }
    }
    if (exit.error) return { status: 'failed', error: exit.error }
    if (!exit.value)
      return options.output && exit.exitCode === 0 ? checkOutput(options.output, undefined) : { status: 'completed' }
    try {
      const value = decodeValue(exit.value, RUN_VALUE_LIMITS)
      return options.output ? checkOutput(options.output, value) : { status: 'completed', value }
    } catch (error) {
      if (!(error instanceof TokaError)) throw error
      return { status: 'failed', error: { code: error.code, message: error.message } }
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

function checkOutput(schema: z.ZodType, value: unknown): { status: RunStatus; value?: unknown; error?: RunError } {
  const parsed = schema.safeParse(value)
  if (parsed.success) return { status: 'completed', value: parsed.data }
  const [issue] = parsed.error.issues
  const place = ['$', ...(issue?.path ?? [])].map(String).join('.')
  return {
    status: 'failed',
    error: {
      code: 'TOKA_OUTPUT_INVALID',
      message: `the result does not match output: ${place}: ${issue?.message ?? ''}`,
    },
  }
}
