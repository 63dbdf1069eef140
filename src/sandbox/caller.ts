/** The caller's side of a run: a request in, its order out; the outcome in, the caller's result out. */
import type { z } from 'zod'
import { TokaError } from '../errors.ts'
import { decodeValue, encodeValue, RUN_VALUE_LIMITS } from '../kernel/values.ts'
import { checkRunOptions, type Language, type RunOptions } from '../request.ts'
import type { RunError, RunResult, RunStatus } from '../result.ts'
import type { RunOrder, RunOutcome } from './order.ts'

/** @throws TokaError TOKA_REQUEST_INVALID naming the field, TOKA_VALUE_UNSUPPORTED or TOKA_VALUE_SIZE for the input */
export function orderOf(options: RunOptions, language: Language): RunOrder {
  checkRunOptions(options, language)
  const { source, file, call, args, stdin, collect, limits } = options
  return {
    ...(source === undefined ? {} : { source }),
    ...(file === undefined ? {} : { file }),
    ...(call === undefined ? {} : { call }),
    ...(args === undefined ? {} : { args }),
    ...(collect === undefined ? {} : { collect }),
    ...(limits === undefined ? {} : { limits: limitsOf(limits) }),
    ...(stdin === undefined ? {} : { stdin }),
    ...('input' in options ? { input: encodeInput(options.input) } : {}),
  }
}

/** @throws TokaError as `encodeValue`, naming the field */
function encodeInput(input: unknown): Uint8Array {
  try {
    return encodeValue(input, RUN_VALUE_LIMITS)
  } catch (error) {
    if (!(error instanceof TokaError)) throw error
    throw new TokaError(error.code, `input: ${error.message}`, { cause: error })
  }
}

/** Of a run's limits only these count: the others are the sandbox's. */
function limitsOf({ timeoutMs, fuel, outputBytes }: NonNullable<RunOptions['limits']>): RunOrder['limits'] & object {
  return {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(fuel === undefined ? {} : { fuel }),
    ...(outputBytes === undefined ? {} : { outputBytes }),
  }
}

/** Decodes a run's value and checks it against the caller's schema. */
export function resultOf<T>({ value: encoded, ...outcome }: RunOutcome, { output }: RunOptions<T>): RunResult<T> {
  if (outcome.status !== 'completed') return outcome
  const ending = endingOf(encoded, outcome.exitCode, output)
  const exitCode = ending.status === 'completed' ? outcome.exitCode : outcome.exitCode || 1
  const { status: _, ...rest } = outcome
  return { ...ending, ...rest, exitCode } as RunResult<T>
}

type Ending = { status: RunStatus; value?: unknown; error?: RunError }

function endingOf(encoded: Uint8Array | undefined, exitCode: number, output: z.ZodType | undefined): Ending {
  if (!encoded) return output && exitCode === 0 ? checkOutput(output, undefined) : { status: 'completed' }
  try {
    const value = decodeValue(encoded, RUN_VALUE_LIMITS)
    return output ? checkOutput(output, value) : { status: 'completed', value }
  } catch (error) {
    if (!(error instanceof TokaError)) throw error
    return { status: 'failed', error: { code: error.code, message: error.message } }
  }
}

function checkOutput(schema: z.ZodType, value: unknown): Ending {
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
