/** Node's `util`: formatting, promises of callbacks, deep equality, kinds of built-ins. */
import { invalidType } from '../failures.ts'
import { nextTick } from '../loop.ts'
import { isDeepStrictEqual } from '../modules/deep-equal.ts'
import { subset } from '../modules/subset.ts'
import { types } from '../modules/util-types.ts'
import { part } from '../parts.ts'

export { isDeepEqual, isDeepStrictEqual } from '../modules/deep-equal.ts'

type Callable = (this: unknown, ...args: unknown[]) => unknown

const { format, formatWithOptions, inspect, stripVTControlCharacters } = part<typeof import('./inspect.ts')>('inspect')

const custom = Symbol.for('nodejs.util.promisify.custom')

function checkFunction(value: unknown, name: string): asserts value is Callable {
  if (typeof value !== 'function') throw invalidType(name, 'of type function', value)
}

/** A function whose last argument is `(error, result)`, as one that answers a promise. */
function promisify(original: unknown): Callable {
  checkFunction(original, 'original')
  const own = Reflect.get(original, custom) as unknown
  if (own !== undefined) {
    checkFunction(own, 'util.promisify.custom')
    return own
  }
  const promised = function (this: unknown, ...args: unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      original.call(this, ...args, (error: unknown, result: unknown) => (error ? reject(error) : resolve(result)))
    })
  }
  Object.setPrototypeOf(promised, Object.getPrototypeOf(original) as object)
  return Object.defineProperties(promised, Object.getOwnPropertyDescriptors(original))
}
promisify.custom = custom

/** The other way round. */
function callbackify(original: unknown): Callable {
  checkFunction(original, 'original')
  return function (this: unknown, ...args: unknown[]): void {
    const done = args.pop()
    checkFunction(done, 'last argument')
    const after = (...ends: unknown[]) => nextTick(() => Reflect.apply(done, this, ends), [])
    Promise.resolve(Reflect.apply(original, this, args)).then(
      (value) => after(null, value),
      (reason: unknown) => after(reason || new Error('Promise was rejected with a falsy value')),
    )
  }
}

function inherits(constructor: unknown, parent: unknown): void {
  checkFunction(constructor, 'ctor')
  checkFunction(parent, 'superCtor')
  Object.defineProperty(constructor, 'super_', { value: parent, writable: true, configurable: true })
  Object.setPrototypeOf(Reflect.get(constructor, 'prototype'), Reflect.get(parent, 'prototype') as object)
}

/** Warns at the first call. */
function deprecate(original: unknown, message: string): Callable {
  checkFunction(original, 'fn')
  let told = false
  return function (this: unknown, ...args: unknown[]): unknown {
    if (!told) part<typeof import('./console.ts')>('console').console.warn(`DeprecationWarning: ${message}`)
    told = true
    return Reflect.apply(original, this, args)
  }
}

/** Nothing is told: a sandbox has no NODE_DEBUG. */
function debuglog(): Callable & { enabled: boolean } {
  return Object.assign(() => {}, { enabled: false })
}

const late = (name: 'TextEncoder' | 'TextDecoder') => part('text')[name]

export const util = subset(
  'util',
  {
    callbackify,
    debug: debuglog,
    debuglog,
    deprecate,
    format,
    formatWithOptions,
    inherits,
    inspect,
    isArray: Array.isArray,
    isDeepStrictEqual,
    promisify,
    stripVTControlCharacters,
    get TextDecoder() {
      return late('TextDecoder')
    },
    get TextEncoder() {
      return late('TextEncoder')
    },
    types,
  },
  { parseArgs: 'read process.argv, or bundle a parser of arguments into the program' },
)
