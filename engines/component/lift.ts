/** Core values and memory of a guest in, WIT values out, each checked (CanonicalABI.md, "Loading" and "Flat Lifting"). */
import type { CanonContext } from './canon-context.ts'
import { CanonTrap } from './canon-trap.ts'
import { ErrorContext } from './tasks/error-context.ts'
import { ReadEnd } from './tasks/copy-end.ts'
import {
  type ChannelType,
  type FlagsType,
  type FlatType,
  type HandleType,
  isSame,
  type ListType,
  type ProductType,
  type SumType,
  type WitType,
} from './wit-types.ts'

export type CoreValue = number | bigint

/** MAX_STRING_BYTE_LENGTH and MAX_LIST_BYTE_LENGTH of the specification. */
const MOST_BYTES = 2 ** 28 - 1
const UTF16_TAG = 0x8000_0000

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const utf16 = new TextDecoder('utf-16le', { fatal: true, ignoreBOM: true })

function char(code: number): string {
  if (code >= 0x11_0000 || (code >= 0xd800 && code <= 0xdfff)) throw new CanonTrap('a char is no Unicode scalar value')
  return String.fromCodePoint(code)
}

export function liftString(cx: CanonContext, pointer: number, units: number): string {
  const isWide = cx.encoding === 'utf16' || (cx.encoding === 'latin1+utf16' && (units & UTF16_TAG) !== 0)
  const count = cx.encoding === 'latin1+utf16' ? (units & ~UTF16_TAG) >>> 0 : units >>> 0
  const length = isWide ? count * 2 : count
  if (length > MOST_BYTES) throw new CanonTrap('a string has 2^28 bytes or more')
  const start = cx.memory.range(pointer, length, cx.encoding === 'utf8' ? 1 : 2)
  cx.budget.bytes(length)
  const bytes = cx.memory.bytes.subarray(start, start + length)
  if (cx.encoding === 'latin1+utf16' && !isWide) return latin1(bytes)
  try {
    return (isWide ? utf16 : utf8).decode(bytes)
  } catch {
    throw new CanonTrap('a string is not well-formed')
  }
}

/** The decoder named "latin1" is of Windows-1252 (Encoding standard): bytes from 0x80 to 0x9f differ. */
function latin1(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 4_096) text += String.fromCharCode(...bytes.subarray(at, at + 4_096))
  return text
}

function liftList(cx: CanonContext, element: WitType, pointer: number, given: number): unknown {
  const count = given >>> 0
  const length = count * element.size
  if (length > MOST_BYTES) throw new CanonTrap('a list has 2^28 bytes or more')
  const start = cx.memory.range(pointer, length, element.align)
  if (element.kind === 'u8') {
    cx.budget.bytes(length)
    return cx.memory.bytes.slice(start, start + length)
  }
  cx.budget.nodes(count)
  const items: unknown[] = []
  for (let at = 0; at < count; at++) items.push(load(cx, element, start + at * element.size))
  return items
}

function liftOwn(cx: CanonContext, type: HandleType, number: number): unknown {
  const { resource } = type
  if (cx.handles.get(number, resource).scope) throw new CanonTrap(`the handle ${number} is borrowed, not owned`)
  const { rep } = cx.handles.remove(number, resource)
  return cx.handOut ? cx.handOut(resource, rep) : rep
}

function liftBorrow(cx: CanonContext, type: HandleType, number: number): unknown {
  const handle = cx.handles.get(number, type.resource)
  handle.lends++
  cx.lent.push(handle)
  return handle.rep
}

/** A stream or a future goes with its readable end, which must be at rest. */
function liftChannel(cx: CanonContext, type: ChannelType, number: number): unknown {
  const end = cx.handles.removeItem(number, ReadEnd)
  if (!isSame(end.type, type)) throw new CanonTrap(`the handle ${number} is a ${end.type.kind} of another type`)
  if (end.state !== 'idle' || end.isInSet) throw new CanonTrap(`a ${type.kind} is given away that is in use`)
  return end.shared
}

function liftFlags(type: FlagsType, bits: number): Record<string, boolean> {
  return Object.fromEntries(type.labels.map(({ key }, at) => [key, ((bits >>> at) & 1) === 1]))
}

/** A value of a case, in the form that callers use: see docs/components.md. */
function ofCase(type: SumType, index: number, payload: (of: WitType) => unknown): unknown {
  const found = type.cases[index]
  if (!found) throw new CanonTrap(`a ${type.kind} has no case ${index}`)
  if (type.kind === 'enum') return found.label
  const value = found.type ? payload(found.type) : undefined
  if (type.kind !== 'option') return found.type ? { tag: found.label, val: value } : { tag: found.label }
  if (type.cases[1]?.type?.kind === 'option') return found.type ? { tag: 'some', val: value } : { tag: 'none' }
  return value
}

/** Reads a value from memory. The place was checked. */
export function load(cx: CanonContext, type: WitType, at: number): unknown {
  const view = cx.memory.view
  switch (type.kind) {
    case 'bool':
      return view.getUint8(at) !== 0
    case 's8':
      return view.getInt8(at)
    case 'u8':
      return view.getUint8(at)
    case 's16':
      return view.getInt16(at, true)
    case 'u16':
      return view.getUint16(at, true)
    case 's32':
      return view.getInt32(at, true)
    case 'u32':
      return view.getUint32(at, true)
    case 's64':
      return view.getBigInt64(at, true)
    case 'u64':
      return view.getBigUint64(at, true)
    case 'f32':
      return view.getFloat32(at, true)
    case 'f64':
      return view.getFloat64(at, true)
    case 'char':
      return char(view.getUint32(at, true))
    case 'string':
      return liftString(cx, view.getUint32(at, true), view.getUint32(at + 4, true))
    case 'own':
      return liftOwn(cx, type, view.getUint32(at, true))
    case 'borrow':
      return liftBorrow(cx, type, view.getUint32(at, true))
    case 'stream':
    case 'future':
      return liftChannel(cx, type, view.getUint32(at, true))
    case 'error-context':
      return cx.handles.item(view.getUint32(at, true), ErrorContext)
    default:
      return loadCompound(cx, type, at)
  }
}

type Compound = ListType | ProductType | SumType | FlagsType

function loadCompound(cx: CanonContext, type: Compound, at: number): unknown {
  const { view } = cx.memory
  switch (type.kind) {
    case 'list':
      return liftList(cx, type.element, view.getUint32(at, true), view.getUint32(at + 4, true))
    case 'record':
      cx.budget.nodes(type.fields.length)
      return Object.fromEntries(type.fields.map(({ key, type: of, offset }) => [key, load(cx, of, at + offset)]))
    case 'tuple':
      cx.budget.nodes(type.fields.length)
      return type.fields.map(({ type: of, offset }) => load(cx, of, at + offset))
    case 'flags':
      cx.budget.nodes(type.labels.length)
      return liftFlags(type, unsigned(view, at, type.size))
    default:
      cx.budget.nodes(2)
      return ofCase(type, unsigned(view, at, type.discriminant), (of) => load(cx, of, at + type.payload))
  }
}

function unsigned(view: DataView, at: number, size: number): number {
  return size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at, true) : view.getUint32(at, true)
}

/** Core values that are taken one after the other. */
export class FlatValues {
  readonly #values: readonly CoreValue[]
  #at = 0

  constructor(values: readonly CoreValue[]) {
    this.#values = values
  }

  next(): CoreValue {
    return this.#values[this.#at++] ?? 0
  }

  i32(): number {
    return Number(this.next()) | 0
  }

  take(count: number): CoreValue[] {
    return Array.from({ length: count }, () => this.next())
  }
}

const scratch = new DataView(new ArrayBuffer(8))

/** A core value that was passed as a wider one, as what it is. */
function narrow(have: FlatType, want: FlatType, value: CoreValue): CoreValue {
  if (have === want) return value
  if (have === 'i32') {
    scratch.setInt32(0, Number(value), true)
    return scratch.getFloat32(0, true)
  }
  scratch.setBigInt64(0, BigInt(value), true)
  if (want === 'i32') return scratch.getInt32(0, true)
  return want === 'f32' ? scratch.getFloat32(0, true) : scratch.getFloat64(0, true)
}

function liftFlatCase(cx: CanonContext, type: SumType, values: FlatValues): unknown {
  cx.budget.nodes(2)
  const joined = type.flat ?? []
  const index = values.i32() >>> 0
  const payload = values.take(joined.length - 1)
  return ofCase(type, index, (of) => {
    const own = (of.flat ?? []).map((want, at) => narrow(joined[at + 1] ?? want, want, payload[at] ?? 0))
    return liftFlat(cx, of, new FlatValues(own))
  })
}

/** Reads a value from core values: of those types that are passed so. */
export function liftFlat(cx: CanonContext, type: WitType, values: FlatValues): unknown {
  switch (type.kind) {
    case 'bool':
      return values.i32() !== 0
    case 's8':
      return (values.i32() << 24) >> 24
    case 'u8':
      return values.i32() & 0xff
    case 's16':
      return (values.i32() << 16) >> 16
    case 'u16':
      return values.i32() & 0xffff
    case 's32':
      return values.i32()
    case 'u32':
      return values.i32() >>> 0
    case 's64':
      return BigInt.asIntN(64, BigInt(values.next()))
    case 'u64':
      return BigInt.asUintN(64, BigInt(values.next()))
    case 'f32':
    case 'f64':
      return Number(values.next())
    case 'char':
      return char(values.i32() >>> 0)
    case 'string':
      return liftString(cx, values.i32(), values.i32())
    case 'list':
      return liftList(cx, type.element, values.i32(), values.i32())
    case 'record':
      return Object.fromEntries(type.fields.map(({ key, type: of }) => [key, liftFlat(cx, of, values)]))
    case 'tuple':
      return type.fields.map(({ type: of }) => liftFlat(cx, of, values))
    case 'flags':
      return liftFlags(type, values.i32())
    case 'own':
      return liftOwn(cx, type, values.i32() >>> 0)
    case 'borrow':
      return liftBorrow(cx, type, values.i32() >>> 0)
    case 'stream':
    case 'future':
      return liftChannel(cx, type, values.i32() >>> 0)
    case 'error-context':
      return cx.handles.item(values.i32() >>> 0, ErrorContext)
    default:
      return liftFlatCase(cx, type, values)
  }
}
