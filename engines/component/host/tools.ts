/** What a component imports by itself, of no interface of WASI: tools of the host, called by name under their grants. */
import { TokaError } from '../../../src/errors.ts'
import { GuestFacingError, type MaybePromise } from '../../../src/kernel/host-port.ts'
import { Operation } from '../../../src/kernel/operations.ts'
import type { Process } from '../../../src/kernel/process.ts'
import { chain } from '../../../src/kernel/steps.ts'
import { decodeValue, encodeValue } from '../../../src/kernel/values.ts'
import { BORDER } from '../../../src/limits.ts'
import { CanonTrap } from '../canon-trap.ts'
import type { HostFunc } from '../plan.ts'
import { keyOf, type WitType } from '../wit-types.ts'
import { checkWitValue } from '../wit-values.ts'

const utf8 = new TextEncoder()
const VALUE_LIMITS = { structuredBytes: BORDER.resultBytes, flatBytes: BORDER.resultBytes, nodes: BORDER.resultNodes }

function callArgument(name: string, input: unknown): Uint8Array {
  const encoded = utf8.encode(name)
  const value = encodeValue(input, VALUE_LIMITS)
  const argument = new Uint8Array(4 + encoded.length + value.length)
  new DataView(argument.buffer).setUint32(0, encoded.length, true)
  argument.set(encoded, 4)
  argument.set(value, 4 + encoded.length)
  return argument
}

/** A tool's arguments: an object by the names of the parameters. */
function inputOf({ type }: HostFunc, args: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(type.params.map(({ name }, at) => [keyOf(name), args[at]]))
}

/** What the tool answered, as the component's type has it. */
function outputOf({ name, type }: HostFunc, encoded: Uint8Array, fails: WitType | undefined): unknown {
  const value = decodeValue(encoded, VALUE_LIMITS)
  const expected = fails ? fails.kind === 'result' && fails.cases[0]?.type : type.result
  const checked = expected ? checkWitValue(expected, value, `the result of ${name}`, () => undefined) : undefined
  return fails ? { tag: 'ok', val: checked } : checked
}

/** Results in which a failure can be told: their error is text. */
function failsWithText(type: WitType | undefined): WitType | undefined {
  return type?.kind === 'result' && type.cases[1]?.type?.kind === 'string' ? type : undefined
}

function failure(func: HostFunc, error: unknown): unknown {
  if (!(error instanceof GuestFacingError || error instanceof TokaError)) throw error
  if (failsWithText(func.type.result)) return { tag: 'err', val: error.message.toWellFormed() }
  throw new CanonTrap(`the tool ${func.name} failed (${error.code}): ${error.message}`)
}

/**
 * Calls the tool that has the name of an imported function. Its failure is the error of a `result<T, string>`; where the
 * function cannot tell of one the component traps.
 */
export function callTool(process: Process, func: HostFunc, args: readonly unknown[]): MaybePromise<unknown> {
  const { name, type } = func
  try {
    const input = callArgument(name, inputOf(func, args))
    const answer = chain(process.call(Operation.ToolCall, input), (encoded) =>
      outputOf(func, encoded, failsWithText(type.result)),
    )
    return answer instanceof Promise ? answer.catch((error: unknown) => failure(func, error)) : answer
  } catch (error) {
    return failure(func, error)
  }
}
