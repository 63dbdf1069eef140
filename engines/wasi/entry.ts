/** The arguments of a call as the host gave them in, what wasm takes out; and what it returned, as a value. */
import { TokaError } from '../../src/errors.ts'
import type { ValueType } from '../../src/loader/describe.ts'
import type { FunctionExport, Program } from './program.ts'

const I64 = 2n ** 63n

function invalid(message: string): TokaError {
  return new TokaError('TOKA_REQUEST_INVALID', message)
}

function argumentOf(type: ValueType, given: unknown, place: string): number | bigint {
  if (type === 'i64') {
    const whole = typeof given === 'number' && Number.isSafeInteger(given) ? BigInt(given) : given
    if (typeof whole !== 'bigint' || whole < -I64 || whole >= 2n * I64)
      throw invalid(`${place}: an i64 takes a bigint, or a whole number`)
    return whole
  }
  if (typeof given !== 'number') throw invalid(`${place}: an ${type} takes a number, not ${describe(given)}`)
  if (type === 'i32' && !(Number.isInteger(given) && given >= -(2 ** 31) && given < 2 ** 32))
    throw invalid(`${place}: an i32 takes a whole number from -2147483648 to 4294967295`)
  return given
}

const describe = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value)

/**
 * The export of a name, and the arguments that it takes.
 * @throws TokaError TOKA_REQUEST_INVALID for a name that no function has, or arguments that do not fit
 */
export function entryOf(
  program: Program,
  name: string,
  given: unknown,
): { entry: FunctionExport; args: (number | bigint)[] } {
  const entry = program.functions.get(name)
  if (!entry || name.startsWith('__fuel')) {
    const names = [...program.functions.keys()].slice(0, 20).join(', ')
    throw invalid(`call: the module exports no function ${JSON.stringify(name.slice(0, 100))}; it has: ${names}`)
  }
  const { params, results } = entry
  const strange = [...params, ...results].find((type) => type === 'v128' || !/^[if]\d/.test(type))
  if (strange !== undefined) throw invalid(`call: ${name} takes or returns a ${strange}, which cannot be handed over`)
  if (!Array.isArray(given)) throw invalid('call: input must be the list of arguments')
  if (given.length !== params.length)
    throw invalid(`call: ${name} takes ${params.length} arguments (${params.join(', ')}), not ${given.length}`)
  return { entry, args: params.map((type, at) => argumentOf(type, given[at], `call: argument ${at + 1} of ${name}`)) }
}
