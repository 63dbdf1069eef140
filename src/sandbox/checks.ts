/** Anything in, a verdict out: small strict checks that messages between threads are put together from. */

export type Check<T> = (value: unknown) => value is T
export type Checked<C> = C extends Check<infer T> ? T : never

/** A field that may be absent. */
type Optional<T> = { optional: Check<T> }
type Fields = Readonly<Record<string, Check<unknown> | Optional<unknown>>>
type RequiredKeys<F extends Fields> = { [K in keyof F]: F[K] extends Optional<unknown> ? never : K }[keyof F]
type FieldsOf<F extends Fields> = { [K in RequiredKeys<F>]: Checked<F[K]> } & {
  [K in Exclude<keyof F, RequiredKeys<F>>]?: F[K] extends Optional<infer T> ? T : never
}
type Flat<T> = { [K in keyof T]: T[K] } & {}

export const optional = <T>(check: Check<T>): Optional<T> => ({ optional: check })

/** An object that a structured clone makes of a plain one. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** A plain object with these fields and no other. */
export function fields<const F extends Fields>(shape: F): Check<Flat<FieldsOf<F>>> {
  const entries = Object.entries(shape)
  const required = entries.filter(([, check]) => typeof check === 'function').length
  return (value): value is Flat<FieldsOf<F>> => {
    if (!isPlain(value)) return false
    let known = 0
    let found = 0
    for (const [key, check] of entries) {
      if (!Object.hasOwn(value, key)) continue
      known++
      if (typeof check === 'function') {
        if (!check(value[key])) return false
        found++
      } else if (!check.optional(value[key])) return false
    }
    return found === required && Object.keys(value).length === known
  }
}

/** A plain object whose values are all alike. */
export function record<T>(check: Check<T>, most: number): Check<Record<string, T>> {
  return (value): value is Record<string, T> =>
    isPlain(value) && Object.keys(value).length <= most && Object.values(value).every(check)
}

export function list<T>(check: Check<T>, most: number): Check<T[]> {
  return (value): value is T[] => Array.isArray(value) && value.length <= most && value.every((item) => check(item))
}

/** Text of at most so many UTF-16 units. */
export function text(most: number): Check<string> {
  return (value): value is string => typeof value === 'string' && value.length <= most
}

export function matching(pattern: RegExp): Check<string> {
  return (value): value is string => typeof value === 'string' && pattern.test(value)
}

export function oneOf<const T extends string | number | boolean>(...choices: readonly T[]): Check<T> {
  return (value): value is T => (choices as readonly unknown[]).includes(value)
}

/** Bytes that are this thread's alone. */
export function bytes(most: number): Check<Uint8Array<ArrayBuffer>> {
  return (value): value is Uint8Array<ArrayBuffer> =>
    value instanceof Uint8Array && value.buffer instanceof ArrayBuffer && value.byteLength <= most
}

export const flag: Check<boolean> = (value) => typeof value === 'boolean'
/** A whole number from 0. */
export const count: Check<number> = (value): value is number => Number.isSafeInteger(value) && (value as number) >= 0
/** A number from 0, Infinity too. */
export const amount: Check<number> = (value): value is number => typeof value === 'number' && value >= 0
export const anything: Check<unknown> = (_value): _value is unknown => true

export function either<A, B>(first: Check<A>, second: Check<B>): Check<A | B> {
  return (value): value is A | B => first(value) || second(value)
}

export function instance<T>(kind: abstract new (...args: never[]) => T): Check<T> {
  return (value): value is T => value instanceof kind
}

/** Memory of several threads, of at least so many bytes. */
export function shared(least: number): Check<SharedArrayBuffer> {
  return (value): value is SharedArrayBuffer =>
    typeof SharedArrayBuffer === 'function' && value instanceof SharedArrayBuffer && value.byteLength >= least
}
