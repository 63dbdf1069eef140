/** The arguments of a call as the host gave them in, what wasm takes out; and what it returned, as a value. */
import { TokaError } from '../../src/errors.ts'
import type { ValueType } from '../../src/loader/describe.ts'
import { AddedExport } from '../../src/loader/layout.ts'
import type { FunctionExport, Program } from './program.ts'
import { isRuby } from './ruby.ts'

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

/** The functions that a caller can name: what the loader added is not among them. */
function namesOf({ functions }: Program): string {
  const names = [...functions.keys()].filter((name) => !name.startsWith('__fuel') && name !== AddedExport.start)
  return names.length === 0 ? 'none' : `${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}`
}

/** The refusal of a run in which nothing would happen. */
export function nothingToRun(program: Program): TokaError {
  if (isRuby(program))
    return invalid("source: Ruby runs source text alone, such as source: 'puts 1'; args do not name it")
  return invalid(`the module is no program: it does not export _start. Call one of its functions: ${namesOf(program)}`)
}

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
    const shown = JSON.stringify(name.slice(0, 100))
    throw invalid(`call: the module exports no function ${shown}; it has: ${namesOf(program)}`)
  }
  const { params, results } = entry
  const strange = [...params, ...results].find((type) => type === 'v128' || !/^[if]\d/.test(type))
  if (strange !== undefined) throw invalid(`call: ${name} takes or returns a ${strange}, which cannot be handed over`)
  if (!Array.isArray(given)) throw invalid('call: input must be the list of arguments')
  if (given.length !== params.length)
    throw invalid(`call: ${name} takes ${params.length} arguments (${params.join(', ')}), not ${given.length}`)
  return { entry, args: params.map((type, at) => argumentOf(type, given[at], `call: argument ${at + 1} of ${name}`)) }
}
