/** What a tool's arguments must be: constraints of a grant and the arguments of a call in, whether they hold out. */
import { tryParseGlob } from './glob.ts'
import { tryParseHostGlob } from './host-glob.ts'
import { runNfa } from './run-nfa.ts'

export type Scalar = string | number | boolean | null

/** One constraint: exactly one kind, and whether the argument may be missing. An unknown kind is refused. */
export type Constraint = {
  /** Whatever it is. */
  any?: true | undefined
  equals?: Scalar | undefined
  oneOf?: Scalar[] | undefined
  /** A number within these bounds, both included. */
  min?: number | undefined
  max?: number | undefined
  /** A canonical absolute path that the pattern matches. */
  path?: string | undefined
  /** A canonical host name that the pattern matches. */
  host?: string | undefined
  /** A text that begins so. */
  prefix?: string | undefined
  optional?: true | undefined
}

/** The constraints of one grant, by the argument's name. */
export type Constraints = { [argument: string]: Constraint }

/** Whether a text is a canonical path: what the gate would decide on, without anything to resolve. */
function isCanonicalPath(text: string): boolean {
  return (
    text.startsWith('/') &&
    text.isWellFormed() &&
    text.length <= 4_096 &&
    !/[\0\\]/.test(text) &&
    (text === '/' ||
      text
        .slice(1)
        .split('/')
        .every((part) => part !== '' && part !== '.' && part !== '..'))
  )
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

/** Whether a value satisfies a constraint. What is not a plain value of the constraint's kind does not. */
export function satisfies(value: unknown, one: Constraint): boolean {
  if (value === undefined) return one.optional === true
  if (one.any) return true
  if (one.oneOf) return one.oneOf.some((item) => Object.is(item, value))
  if (one.equals !== undefined) return Object.is(one.equals, value)
  if (one.min !== undefined || one.max !== undefined)
    return isNumber(value) && value >= (one.min ?? -Infinity) && value <= (one.max ?? Infinity)
  if (typeof value !== 'string') return false
  if (one.path !== undefined) return isCanonicalPath(value) && runNfa(tryParseGlob(one.path), value)
  if (one.host !== undefined) return runNfa(tryParseHostGlob(one.host), value)
  return one.prefix !== undefined && value.startsWith(one.prefix)
}

/**
 * Why arguments are refused: the name of the first that does not hold, or that no constraint names.
 * @param input a tool's argument, decoded; anything but a plain object is refused as `(input)`
 */
export function refusedArgument(input: unknown, constraints: Constraints): string | undefined {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return '(input)'
  const prototype = Object.getPrototypeOf(input) as unknown
  if (prototype !== Object.prototype && prototype !== null) return '(input)'
  const given = Object.keys(input).find((name) => !Object.hasOwn(constraints, name))
  if (given !== undefined) return given
  return Object.keys(constraints).find((name) => {
    const value: unknown = Object.hasOwn(input, name) ? (input as Record<string, unknown>)[name] : undefined
    return !satisfies(value, constraints[name]!)
  })
}

/** The bits of `Slot.PREDICATES` for a call's arguments. */
export function predicateBits(input: unknown, predicates: readonly Constraints[]): Uint8Array {
  const bits = new Uint8Array(16)
  predicates.forEach((constraints, index) => {
    if (refusedArgument(input, constraints) === undefined) bits[index >> 3]! |= 1 << (index & 7)
  })
  return bits
}
