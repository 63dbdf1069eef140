/** `util.types`: what kind of built-in an object is, asked of its internal slots, which no prototype can pretend. */

/** Whether a getter or method that needs a slot of its receiver runs on a value. */
function has(value: unknown, probe: (receiver: unknown) => unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  try {
    probe(value)
    return true
  } catch {
    return false
  }
}

type Probe = (value: unknown) => boolean

function slot(holder: object, name: PropertyKey, ...args: unknown[]): Probe {
  const { get, value } = Object.getOwnPropertyDescriptor(holder, name) as PropertyDescriptor
  const method = (get ?? value) as (...args: unknown[]) => unknown
  return (candidate) => has(candidate, (receiver) => Reflect.apply(method, receiver, args))
}

const TypedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype) as object
const tagOfTyped = Object.getOwnPropertyDescriptor(TypedArrayPrototype, Symbol.toStringTag)?.get as () => unknown
const typedTag = (value: unknown): unknown =>
  typeof value === 'object' ? Reflect.apply(tagOfTyped, value, []) : undefined

const isPromise: Probe = (value) => value instanceof Promise
const isTypedArray: Probe = (value) => typedTag(value) !== undefined
const isArrayBuffer = slot(ArrayBuffer.prototype, 'byteLength')
const hasSource = slot(RegExp.prototype, 'source')
const isNumberObject = slot(Number.prototype, 'valueOf')
const isStringObject = slot(String.prototype, 'valueOf')
const isBooleanObject = slot(Boolean.prototype, 'valueOf')
const isBigIntObject = slot(BigInt.prototype, 'valueOf')
const isSymbolObject = slot(Symbol.prototype, 'valueOf')
const tagOf = (value: unknown): string => Object.prototype.toString.call(value)
/** Functions and iterators have no slot that can be asked; their tag is the prototype's. */
const tagged =
  (tag: string): Probe =>
  (value) =>
    tagOf(value) === `[object ${tag}]`

const typed = Object.fromEntries(
  [
    ...['Int8', 'Uint8', 'Uint8Clamped', 'Int16', 'Uint16', 'Int32', 'Uint32'],
    ...['Float16', 'Float32', 'Float64', 'BigInt64', 'BigUint64'],
  ].map((kind) => [`is${kind}Array`, (value: unknown) => typedTag(value) === `${kind}Array`]),
)

export const types: Readonly<Record<string, Probe>> = {
  ...typed,
  isAnyArrayBuffer: isArrayBuffer,
  isArrayBuffer,
  isArrayBufferView: (value) => ArrayBuffer.isView(value),
  isAsyncFunction: (value) =>
    typeof value === 'function' && /^\[object Async(Generator)?Function\]$/.test(tagOf(value)),
  isBigIntObject,
  isBooleanObject,
  isBoxedPrimitive: (value) =>
    [isNumberObject, isStringObject, isBooleanObject, isBigIntObject, isSymbolObject].some((probe) => probe(value)),
  isDataView: slot(DataView.prototype, 'byteLength'),
  isDate: slot(Date.prototype, 'getTime'),
  isGeneratorFunction: (value) =>
    typeof value === 'function' && /^\[object (Async)?GeneratorFunction\]$/.test(tagOf(value)),
  isGeneratorObject: tagged('Generator'),
  isMap: slot(Map.prototype, 'size'),
  isMapIterator: tagged('Map Iterator'),
  isNativeError: (value) => (Error as typeof Error & { isError?: Probe }).isError?.(value) ?? value instanceof Error,
  isNumberObject,
  isPromise,
  isRegExp: (value) => value !== RegExp.prototype && hasSource(value),
  isSet: slot(Set.prototype, 'size'),
  isSetIterator: tagged('Set Iterator'),
  isStringObject,
  isSymbolObject,
  isTypedArray,
  isWeakMap: slot(WeakMap.prototype, 'has', {}),
  isWeakSet: slot(WeakSet.prototype, 'has', {}),
}
