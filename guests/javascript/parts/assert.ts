/** Node's `assert` and `assert/strict`. */
import { invalidType } from '../failures.ts'
import { subset } from '../modules/subset.ts'
import { part } from '../parts.ts'

const { isDeepEqual, isDeepStrictEqual } = part<typeof import('./util.ts')>('util')
const { inspect } = part<typeof import('./inspect.ts')>('inspect')

type Facts = { message?: unknown; actual?: unknown; expected?: unknown; operator?: string }

class AssertionError extends Error {
  readonly code = 'ERR_ASSERTION'
  readonly generatedMessage: boolean
  readonly actual: unknown
  readonly expected: unknown
  readonly operator: string

  constructor({ message, actual, expected, operator = 'fail' }: Facts) {
    super(message === undefined ? `${inspect(actual)} ${operator} ${inspect(expected)}` : String(message))
    this.name = 'AssertionError'
    this.generatedMessage = message === undefined
    this.actual = actual
    this.expected = expected
    this.operator = operator
  }
}

const HEADINGS: Readonly<Record<string, string>> = {
  deepEqual: 'Expected values to be loosely deep-equal:',
  deepStrictEqual: 'Expected values to be strictly deep-equal:',
  equal: 'Expected values to be loosely equal:',
  notDeepEqual: 'Expected "actual" not to be loosely deep-equal to:',
  notDeepStrictEqual: 'Expected "actual" not to be strictly deep-equal to:',
  notEqual: 'Expected "actual" to be loosely unequal to:',
  notStrictEqual: 'Expected "actual" to be strictly unequal to:',
  strictEqual: 'Expected values to be strictly equal:',
}

/** Throws the message if it is an error of the program's, else an AssertionError. */
function refuse(message: unknown, facts: Facts): never {
  if (message instanceof Error) throw message
  throw new AssertionError({ ...facts, message })
}

function compared(operator: string, holds: (actual: unknown, expected: unknown) => boolean) {
  return (actual: unknown, expected: unknown, message?: unknown): void => {
    if (holds(actual, expected)) return
    const values = operator.startsWith('not') ? inspect(expected) : `${inspect(actual)} !== ${inspect(expected)}`
    refuse(message ?? `${HEADINGS[operator]}\n\n${values}\n`, { actual, expected, operator })
  }
}

function ok(value?: unknown, message?: unknown): void {
  if (value) return
  const text = 'The expression evaluated to a falsy value'
  refuse(message ?? text, { actual: value, expected: true, operator: '==' })
}

function isLoose(actual: unknown, expected: unknown): boolean {
  // biome-ignore lint/suspicious/noDoubleEquals: the loose form is this operator.
  return actual == expected || (Number.isNaN(actual) && Number.isNaN(expected))
}

/** Whether something thrown is what was expected: a class, an expression, a function that says so, or properties. */
function isExpected(thrown: unknown, expected: unknown): boolean {
  if (expected === undefined) return true
  if (expected instanceof RegExp) return expected.test(String(thrown))
  if (typeof expected === 'function') {
    const { prototype } = expected as { prototype?: unknown }
    if (prototype !== undefined && thrown instanceof (expected as unknown as new () => object)) return true
    if (expected === Error || Object.prototype.isPrototypeOf.call(Error, expected)) return false
    return Reflect.apply(expected as () => unknown, undefined, [thrown]) === true
  }
  if (typeof expected !== 'object' || expected === null)
    throw invalidType('expected', 'a function, a RegExp or an object', expected)
  const keys: PropertyKey[] =
    expected instanceof Error ? ['name', 'message', ...Object.keys(expected)] : Object.keys(expected)
  return keys.every((key) => {
    const [wanted, got] = [Reflect.get(expected, key), Reflect.get(Object(thrown), key)] as unknown[]
    return wanted instanceof RegExp && typeof got === 'string' ? wanted.test(got) : isDeepStrictEqual(got, wanted)
  })
}

type Thrown = { error: unknown } | undefined

/** The last two arguments: what is expected may be left out. */
function wantedOf(expected: unknown, message: unknown): [expected: unknown, message: unknown] {
  return typeof expected === 'string' ? [undefined, expected] : [expected, message]
}

function mustThrow(thrown: Thrown, operator: string, given: [expected: unknown, message: unknown]): void {
  const [expected, message] = wantedOf(...given)
  if (!thrown) {
    const what = operator === 'rejects' ? 'rejection' : 'exception'
    refuse(message ?? `Missing expected ${what}.`, { expected, operator })
  }
  if (isExpected(thrown.error, expected)) return
  const text = `The error is not what was expected:\n\n${inspect(thrown.error)}\n`
  refuse(message ?? text, { actual: thrown.error, expected, operator })
}

function mustNotThrow(thrown: Thrown, operator: string, given: [expected: unknown, message: unknown]): void {
  if (!thrown) return
  const [expected, message] = wantedOf(...given)
  if (!isExpected(thrown.error, expected)) throw thrown.error
  const what = operator === 'doesNotReject' ? 'rejection' : 'exception'
  const own = thrown.error instanceof Error ? thrown.error.message : inspect(thrown.error)
  const text = `Got unwanted ${what}${message === undefined ? '.' : `: ${String(message)}`}\nActual message: "${own}"`
  refuse(text, { actual: thrown.error, expected, operator })
}

function caught(act: unknown): Thrown {
  if (typeof act !== 'function') throw invalidType('fn', 'of type function', act)
  try {
    Reflect.apply(act as () => unknown, undefined, [])
    return undefined
  } catch (error) {
    return { error }
  }
}

async function rejected(given: unknown): Promise<Thrown> {
  const promise: unknown = typeof given === 'function' ? Reflect.apply(given as () => unknown, undefined, []) : given
  if (typeof (promise as { then?: unknown } | null)?.then !== 'function')
    throw invalidType('promiseFn', 'of type function or an instance of Promise', given)
  try {
    await promise
    return undefined
  } catch (error) {
    return { error }
  }
}

function matched(operator: string, wanted: boolean) {
  return (text: unknown, expression: unknown, message?: unknown): void => {
    if (!(expression instanceof RegExp)) throw invalidType('regexp', 'an instance of RegExp', expression)
    if (typeof text === 'string' && expression.test(text) === wanted) return
    const told = `The input was expected ${wanted ? '' : 'not '}to match ${expression}. Input:\n\n${inspect(text)}\n`
    refuse(message ?? told, { actual: text, expected: expression, operator })
  }
}

const strictEqual = compared('strictEqual', Object.is)
const notStrictEqual = compared('notStrictEqual', (actual, expected) => !Object.is(actual, expected))
const deepStrictEqual = compared('deepStrictEqual', isDeepStrictEqual)
const notDeepStrictEqual = compared('notDeepStrictEqual', (actual, expected) => !isDeepStrictEqual(actual, expected))

const common = {
  AssertionError,
  deepStrictEqual,
  doesNotMatch: matched('doesNotMatch', false),
  doesNotReject: async (given: unknown, ...rest: [unknown, unknown]) =>
    mustNotThrow(await rejected(given), 'doesNotReject', rest),
  doesNotThrow: (act: unknown, ...rest: [unknown, unknown]) => mustNotThrow(caught(act), 'doesNotThrow', rest),
  fail: (message: unknown = 'Failed') => refuse(message, { operator: 'fail' }),
  ifError(value: unknown): void {
    if (value === null || value === undefined) return
    const text = value instanceof Error ? value.message : inspect(value)
    refuse(`ifError got unwanted exception: ${text}`, { actual: value, expected: null, operator: 'ifError' })
  },
  match: matched('match', true),
  notDeepStrictEqual,
  notStrictEqual,
  ok,
  rejects: async (given: unknown, ...rest: [unknown, unknown]) => mustThrow(await rejected(given), 'rejects', rest),
  strictEqual,
  throws: (act: unknown, ...rest: [unknown, unknown]) => mustThrow(caught(act), 'throws', rest),
}

/** What is called is `ok`; the rest hangs on it. */
function callable<T extends object>(members: T): T & { strict?: object } {
  const assert = (value?: unknown, message?: unknown) => ok(value, message)
  return subset('assert', Object.assign(assert, common, members))
}

const strict = callable({
  deepEqual: deepStrictEqual,
  equal: strictEqual,
  notDeepEqual: notDeepStrictEqual,
  notEqual: notStrictEqual,
})
strict.strict = strict

const loose = callable({
  deepEqual: compared('deepEqual', isDeepEqual),
  equal: compared('equal', isLoose),
  notDeepEqual: compared('notDeepEqual', (actual, expected) => !isDeepEqual(actual, expected)),
  notEqual: compared('notEqual', (actual, expected) => !isLoose(actual, expected)),
  strict,
})

export { loose as assert, strict as assertStrict }
