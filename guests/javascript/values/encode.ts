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
  resume,
  rewind,
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
import { ValueError } from './error.ts'
import * as format from './format.ts'

/** UTF-8 has no form for it. */
const UNPAIRED = 'a string with a lone surrogate'

type Key = string | number

/**
 * A container that is being written. The interpreter's own stack is small, so containers wait in a chain of these:
 * `source` is read by `keys` for objects and by index for everything else.
 */
type Frame = {
  readonly container: object
  readonly source: { readonly [key: Key]: unknown }
  readonly keys: readonly string[] | undefined
  /** Values to write: for a Map, keys and values in turn. */
  readonly count: number
  readonly pairs: boolean
  index: number
  /** What leads to the value that is being written, for the path in messages. */
  key: Key
  readonly depth: number
  readonly parent: Frame | undefined
}

let busy = false
/** The innermost container. */
let frame: Frame | undefined

/**
 * Encodes a value of the guest.
 * @throws ValueError with the path of what cannot cross; whatever a getter or a proxy of the value throws
 */
export function encode(value: unknown): Uint8Array {
  if (busy) return encodeAside(value)
  busy = true
  try {
    writeTree(value)
    return written()
  } finally {
    frame = undefined
    busy = false
    rewind()
  }
}

/** A getter of a value that is being encoded has come back here: it gets a buffer of its own. */
function encodeAside(value: unknown): Uint8Array {
  const before = setAside()
  const outer = frame
  frame = undefined
  busy = false
  try {
    return encode(value)
  } finally {
    resume(before)
    frame = outer
    busy = true
  }
}

function writeTree(root: unknown): void {
  write(root)
  while (frame !== undefined) {
    if (frame.index === frame.count) frame = frame.parent
    else write(nextOf(frame))
  }
}

/** The next value of a container; an object's key is written on the way. */
function nextOf(current: Frame): unknown {
  const index = current.index++
  if (current.keys !== undefined) {
    const key = current.keys[index] as string
    current.key = key
    if (!writeKey(key)) throw refuse(UNPAIRED)
    return current.source[key]
  }
  const value = current.source[index]
  if (!current.pairs) current.key = index
  else if (index % 2 === 0) current.key = typeof value === 'string' || typeof value === 'number' ? value : '(key)'
  return value
}

/** Writes a value that is none of a container, or opens a frame for it. */
function write(value: unknown): void {
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
  if (prototype === ArrayBufferPrototype) return writeBytes(new SafeUint8Array(value as ArrayBuffer, 0, bufferSize(value as ArrayBuffer)))
  if (prototype === DatePrototype) return writeDate(value as Date)
  if (prototype === MapPrototype) return openMap(value as Map<unknown, unknown>)
  if (prototype === SetPrototype) return openSet(value as Set<unknown>)
  if (isError(value)) return openError(value)
  throw refuse('an instance of a class')
}

function openArray(value: readonly unknown[]): void {
  const length = value.length
  const count = isSafeInteger(length) && length > 0 ? length : 0 // a Proxy may answer anything
  open(value, value as unknown as Frame['source'], undefined, count, false)
  writeHead(format.MAJOR_ARRAY, count)
}

function openRecord(value: object): void {
  const keys = keysOf(value)
  open(value, value as Record<string, unknown>, keys, keys.length, false)
  if (getOwnPropertySymbols(value).length > 0) throw refuseWhole('an object with symbol keys')
  writeHead(format.MAJOR_MAP, keys.length)
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
  const keys = keysOf(fields)
  open(value, fields, keys, keys.length, false)
  writeTag(format.TAG_ERROR)
  writeHead(format.MAJOR_MAP, keys.length)
}

function open(container: object, source: Frame['source'], keys: Frame['keys'], count: number, pairs: boolean): void {
  const depth = frame === undefined ? 1 : frame.depth + 1
  if (depth > format.DEPTH_LIMIT) throw new ValueError(concat(place(frame), ' is deeper than ', format.DEPTH_LIMIT, ' levels'), 'TOKA_VALUE_SIZE')
  for (let above = frame; above !== undefined; above = above.parent) {
    if (above.container === container) throw refuse('a reference to something around it')
  }
  frame = { container, source, keys, count, pairs, index: 0, key: '', depth, parent: frame }
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
  return new ValueError(concat(place(frame), ' is ', what, ', which cannot cross the border'), 'TOKA_VALUE_UNSUPPORTED')
}

/** Of the container that was just opened. */
function refuseWhole(what: string): ValueError {
  frame = frame?.parent
  return refuse(what)
}

/** Where the encoder is, as `$.orders[3].buyer`. */
function place(innermost: Frame | undefined): string {
  let text = ''
  for (let at = innermost; at !== undefined; at = at.parent) {
    const { key } = at
    text = (typeof key === 'number' ? concat('[', key, ']') : isName(key) ? concat('.', key) : concat('["', sliceText(key, 0, 100), '"]')) + text
  }
  return concat('$', text.length > 500 ? concat(sliceText(text, 0, 500), '…') : text)
}

function isName(key: string): boolean {
  for (let index = 0; index < key.length; index++) {
    const unit = charCodeAt(key, index) | 0x20
    const letter = (unit >= 0x61 && unit <= 0x7a) || unit === 0x24 || unit === 0x7f
    if (!letter && !(index > 0 && unit >= 0x30 && unit <= 0x39)) return false
  }
  return key.length > 0
}

