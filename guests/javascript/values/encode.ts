/** A guest's value in, deterministic CBOR out (docs/values.md). Guest code may run in between (getters, proxies) and cannot reach the buffer. */
import {
  bufferSize,
  bytesBuffer,
  bytesOffset,
  bytesSize,
  bytesTag,
  ArrayBufferPrototype,
  charCodeAt,
  create,
  listOf,
  dataBuffer,
  dataOffset,
  dataSize,
  DatePrototype,
  getOwnPropertyDescriptor,
  getOwnPropertySymbols,
  getPrototypeOf,
  getTime,
  isArray,
  isError,
  isSafeInteger,
  isView,
  keysOf,
  mapForEach,
  MapPrototype,
  ObjectPrototype,
  SafeUint8Array,
  setForEach,
  SetPrototype,
  sliceText,
  concat,
} from '../primordials.ts'
import {
  begin,
  makeRoom,
  resume,
  setAside,
  writeBigint,
  writeByte,
  writeBytes,
  writeHead,
  writeKey,
  writeNumber,
  writeTag,
  writeText,
  written,
} from './buffer.ts'
import { encodePlain } from '../natives.ts'
import { ValueError } from './error.ts'
import * as format from './format.ts'

/** UTF-8 has no form for it. */
const UNPAIRED = 'a string with a lone surrogate'

type Key = string | number
type Source = { readonly [key: Key]: unknown }

/**
 * The containers around the value that is being written, by depth. The interpreter's own stack is small, so they wait
 * here.
 */
type Open = {
  containers: (object | undefined)[]
  /** What is read, by `keys` for objects and by index for everything else. */
  sources: (Source | undefined)[]
  keys: (readonly string[] | undefined)[]
  /** Values to write: for a Map, keys and values in turn. */
  counts: number[]
  isMap: boolean[]
  indexes: number[]
  /** What leads to the value that is being written, for the path in messages. */
  names: Key[]
}

function list<T>(value: T): T[] {
  return listOf(format.DEPTH_LIMIT + 1, value)
}

function makeOpen(): Open {
  return {
    containers: list<object | undefined>(undefined),
    sources: list<Source | undefined>(undefined),
    keys: list<readonly string[] | undefined>(undefined),
    counts: list(0),
    isMap: list(false),
    indexes: list(0),
    names: list<Key>(''),
  }
}

let busy = false
let depth = 0
let { containers, sources, keys, counts, isMap, indexes, names } = makeOpen()

/**
 * Encodes a value of the guest.
 * @throws ValueError with the path of what cannot cross; whatever a getter or a proxy of the value throws
 */
export function encode(value: unknown): Uint8Array {
  const plain = encodePlain(value, undefined)
  if (plain !== undefined) return plain
  const view = encodeView(value, undefined)
  return new SafeUint8Array(view)
}

/**
 * As `encode` does what is not plain, after the bytes of `prefix`, without a copy: the answer is good until the next
 * value is encoded. For the argument of a host call, which the host takes at once.
 */
export function encodeView(value: unknown, prefix: Uint8Array | undefined): Uint8Array {
  if (busy) return encodeAside(value, prefix)
  busy = true
  try {
    begin(prefix)
    write(value)
    if (depth > 0) writeContainers()
    return written()
  } finally {
    // Nothing of the guest's stays reachable from here.
    for (; depth > 0; depth--) close()
    busy = false
  }
}

/** A getter of a value that is being encoded has come back here: it gets a buffer and lists of its own. */
function encodeAside(value: unknown, prefix: Uint8Array | undefined): Uint8Array {
  const before = setAside()
  const outer = { depth, containers, sources, keys, counts, isMap, indexes, names }
  ;({ containers, sources, keys, counts, isMap, indexes, names } = makeOpen())
  depth = 0
  busy = false
  try {
    return encodeView(value, prefix)
  } finally {
    resume(before)
    ;({ depth, containers, sources, keys, counts, isMap, indexes, names } = outer)
    busy = true
  }
}

/** Goes on with the innermost container until the last one is written. */
function writeContainers(): void {
  while (depth > 0) {
    const level = depth
    const end = counts[level] as number
    let index = indexes[level] as number
    // Stays with this container until one of its values is a container itself.
    for (; index < end && depth === level; index++) write(valueAt(level, index))
    if (depth === level) {
      close()
      depth--
    } else indexes[level] = index
  }
}

function close(): void {
  containers[depth] = undefined
  sources[depth] = undefined
  keys[depth] = undefined
}

/** A value of a container; an object's key is written on the way. */
function valueAt(level: number, index: number): unknown {
  const source = sources[level] as Source
  const named = keys[level]
  if (named !== undefined) {
    const key = named[index] as string
    names[level] = key
    makeRoom()
    if (!writeKey(key)) throw refuse(UNPAIRED)
    return source[key]
  }
  const value = source[index]
  if (isMap[level] !== true) names[level] = index
  else if (index % 2 === 0) names[level] = typeof value === 'string' || typeof value === 'number' ? value : '(key)'
  return value
}

/** Writes a value that is none of a container, or opens a frame for it. */
function write(value: unknown): void {
  makeRoom()
  switch (typeof value) {
    case 'string':
      if (!writeText(value)) throw refuse(UNPAIRED)
      return
    case 'number':
      return writeNumber(value)
    case 'boolean':
      return writeByte(value ? format.TRUE : format.FALSE)
    case 'undefined':
      return writeByte(format.UNDEFINED)
    case 'bigint':
      return writeBigint(value)
    case 'object':
      return value === null ? writeByte(format.NULL) : writeObject(value)
    default:
      throw refuse(concat('a ', typeof value))
  }
}

function writeObject(value: object): void {
  if (isArray(value)) return openArray(value)
  const prototype: unknown = getPrototypeOf(value)
  if (prototype === ObjectPrototype || prototype === null) return openRecord(value)
  if (isView(value)) return writeBytes(bytesOf(value))
  if (prototype === ArrayBufferPrototype)
    return writeBytes(new SafeUint8Array(value as ArrayBuffer, 0, bufferSize(value as ArrayBuffer)))
  if (prototype === DatePrototype) return writeDate(value as Date)
  if (prototype === MapPrototype) return openMap(value as Map<unknown, unknown>)
  if (prototype === SetPrototype) return openSet(value as Set<unknown>)
  if (isError(value)) return openError(value)
  throw refuse('an instance of a class')
}

function openArray(value: readonly unknown[]): void {
  const length = value.length
  const count = isSafeInteger(length) && length > 0 ? length : 0 // a Proxy may answer anything
  open(value, value as unknown as Source, undefined, count, false)
  writeHead(format.MAJOR_ARRAY, count)
}

function openRecord(value: object): void {
  const own = keysOf(value)
  if (getOwnPropertySymbols(value).length > 0) throw refuse('an object with symbol keys')
  open(value, value as Source, own, own.length, false)
  writeHead(format.MAJOR_MAP, own.length)
}

/** Entries are read before they are written: a getter in one of them may change the map. */
function openMap(value: Map<unknown, unknown>): void {
  const entries: Record<number, unknown> = create(null)
  let count = 0
  mapForEach(value, (item, key) => {
    entries[count++] = key
    entries[count++] = item
  })
  open(value, entries, undefined, count, true)
  writeTag(format.TAG_MAP)
  writeHead(format.MAJOR_MAP, count / 2)
}

function openSet(value: Set<unknown>): void {
  const items: Record<number, unknown> = create(null)
  let count = 0
  setForEach(value, (item) => {
    items[count++] = item
  })
  open(value, items, undefined, count, false)
  writeTag(format.TAG_SET)
  writeHead(format.MAJOR_ARRAY, count)
}

/** Never the stack: it is no part of the value. */
function openError(value: Error): void {
  const { name, message } = value
  const fields: Record<string, unknown> = create(null)
  fields.name = typeof name === 'string' ? name : 'Error'
  fields.message = typeof message === 'string' ? message : ''
  if (getOwnPropertyDescriptor(value, 'cause') !== undefined) fields.cause = value.cause
  const own = keysOf(fields)
  open(value, fields, own, own.length, false)
  writeTag(format.TAG_ERROR)
  writeHead(format.MAJOR_MAP, own.length)
}

function open(
  container: object,
  source: Source,
  own: readonly string[] | undefined,
  count: number,
  pairs: boolean,
): void {
  if (depth === format.DEPTH_LIMIT)
    throw new ValueError(concat(place(), ' is deeper than ', format.DEPTH_LIMIT, ' levels'), 'TOKA_VALUE_SIZE')
  for (let above = depth; above > 0; above--) {
    if (containers[above] === container) throw refuse('a reference to something around it')
  }
  depth++
  containers[depth] = container
  sources[depth] = source
  keys[depth] = own
  counts[depth] = count
  isMap[depth] = pairs
  indexes[depth] = 0
}

function writeDate(value: Date): void {
  const milliseconds = getTime(value)
  if (milliseconds !== milliseconds) throw refuse('an invalid Date')
  writeTag(format.TAG_DATE)
  writeNumber(milliseconds / 1_000)
}

/** The bytes of a view by its internal slots, whatever properties it was given. */
function bytesOf(view: ArrayBufferView): Uint8Array {
  if (bytesTag(view) === undefined) {
    const data = view as DataView
    return new SafeUint8Array(dataBuffer(data), dataOffset(data), dataSize(data))
  }
  return new SafeUint8Array(bytesBuffer(view), bytesOffset(view), bytesSize(view))
}

function refuse(what: string): ValueError {
  return new ValueError(concat(place(), ' is ', what, ', which cannot cross the border'), 'TOKA_VALUE_UNSUPPORTED')
}

/** Longest place in a message, in UTF-16 units. */
const PLACE_LENGTH = 160

/** Where the encoder is, as `$.orders[3].buyer`. */
function place(): string {
  let text = '$'
  for (let level = 1; level <= depth; level++) {
    if (text.length > PLACE_LENGTH) return concat(text, '…')
    const name = names[level] as Key
    text +=
      typeof name === 'number'
        ? concat('[', name, ']')
        : isName(name)
          ? concat('.', name)
          : concat('["', sliceText(name, 0, 100), '"]')
  }
  return text
}

function isName(key: string): boolean {
  for (let index = 0; index < key.length; index++) {
    const unit = charCodeAt(key, index) | 0x20
    const letter = (unit >= 0x61 && unit <= 0x7a) || unit === 0x24 || unit === 0x7f
    if (!letter && !(index > 0 && unit >= 0x30 && unit <= 0x39)) return false
  }
  return key.length > 0
}
