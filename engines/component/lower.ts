/** WIT values in, core values and memory of a guest out (CanonicalABI.md, "Storing" and "Flat Lowering"). The values were checked. */
import type { MaybePromise } from '../../src/kernel/host-port.ts'
import { type Steps, wait } from '../../src/kernel/steps.ts'
import type { CanonContext } from './canon-context.ts'
import { CanonTrap } from './canon-trap.ts'
import type { CoreValue, ChannelType, FlagsType, FlatType, SumType, WitType } from './wit-types.ts'
import type { Representation, TableItem } from './resources.ts'
import type { Readable } from './tasks/channel.ts'
import { ReadEnd } from './tasks/copy-end.ts'
import type { ResourceType } from './resource-types.ts'

const UTF16_TAG = 0x8000_0000
const utf8 = new TextEncoder()

/** A piece of the guest's memory of its own making. */
function allocate(cx: CanonContext, align: number, size: number): number {
  return cx.memory.range(cx.allocate(align, size), size, align)
}

function lowerUnits(cx: CanonContext, text: string, isWide: boolean): number {
  const at = allocate(cx, 2, text.length * (isWide ? 2 : 1))
  const { view } = cx.memory
  for (let unit = 0; unit < text.length; unit++) {
    if (isWide) view.setUint16(at + unit * 2, text.charCodeAt(unit), true)
    else view.setUint8(at + unit, text.charCodeAt(unit))
  }
  return at
}

/** @returns the pointer and the tagged count of code units */
export function lowerString(cx: CanonContext, text: string): [number, number] {
  if (cx.encoding === 'utf8') {
    const bytes = utf8.encode(text)
    cx.budget.bytes(bytes.length)
    const at = allocate(cx, 1, bytes.length)
    cx.memory.bytes.set(bytes, at)
    return [at, bytes.length]
  }
  cx.budget.bytes(text.length * 2)
  if (cx.encoding === 'utf16') return [lowerUnits(cx, text, true), text.length]
  const isNarrow = /^[\u0000-\u00ff]*$/.test(text)
  return isNarrow
    ? [lowerUnits(cx, text, false), text.length]
    : [lowerUnits(cx, text, true), (text.length | UTF16_TAG) >>> 0]
}

function lowerList(cx: CanonContext, element: WitType, items: Uint8Array | readonly unknown[]): [number, number] {
  const at = allocate(cx, element.align, items.length * element.size)
  if (items instanceof Uint8Array) {
    cx.budget.bytes(items.length)
    cx.memory.bytes.set(items, at)
  } else {
    cx.budget.nodes(items.length)
    if (cx.later && items.length > PIECE && needsMemory(element)) cx.later.push({ element, items, at })
    else items.forEach((item, index) => store(cx, element, item, at + index * element.size))
  }
  return [at, items.length]
}

/** Items of a long list that are stored at a time. */
const PIECE = 32

/** Whether values of a type ask the guest's allocator for more than their place. */
function needsMemory(type: WitType): boolean {
  if (type.kind === 'string' || type.kind === 'list') return true
  if ('fields' in type) return type.fields.some((field) => needsMemory(field.type))
  return 'cases' in type && type.cases.some((one) => one.type !== undefined && needsMemory(one.type))
}

/**
 * Stores the lists that were left for later, piece by piece.
 * @param rest lets others have the thread, if it is their turn
 */
export function* storeLater(cx: CanonContext, rest: () => MaybePromise<void>): Steps<void> {
  const { later = [] } = cx
  for (let list = later.pop(); list; list = later.pop()) {
    const { element, items, at } = list
    for (const [index, item] of items.entries()) {
      store(cx, element, item, at + index * element.size)
      if (index % PIECE === PIECE - 1) yield* wait(rest())
    }
    yield* wait(rest())
  }
}

/** A stream or a future comes as a readable end of its own. */
function lowerChannel(cx: CanonContext, type: ChannelType, shared: unknown): number {
  return cx.handles.addItem(new ReadEnd(shared as Readable, type))
}

function lowerOwn(cx: CanonContext, resource: ResourceType, rep: unknown): number {
  return cx.handles.add(resource, rep as Representation)
}

/** A borrow of what the guest itself implements is the representation: it has no need of a handle. */
function lowerBorrow(cx: CanonContext, resource: ResourceType, rep: unknown): number {
  if (resource.by.side === 'guest' && resource.by.instance === cx.instance) return rep as number
  if (!cx.scope) throw new CanonTrap('a borrowed handle has no call that it belongs to')
  cx.scope.borrows++
  return cx.handles.add(resource, rep as Representation, cx.scope)
}

function flagBits(type: FlagsType, value: unknown): number {
  const set = value as Record<string, boolean>
  return type.labels.reduce((bits, { key }, at) => bits | (set[key] === true ? 1 << at : 0), 0)
}

/** The index of a value's case, and what it carries. */
function caseOf(type: SumType, value: unknown): [number, unknown] {
  if (type.kind === 'enum') return [type.cases.findIndex(({ label }) => label === value), undefined]
  if (type.kind === 'option' && type.cases[1]?.type?.kind !== 'option')
    return value === undefined ? [0, undefined] : [1, value]
  const { tag, val } = value as { tag: string; val?: unknown }
  return [type.cases.findIndex(({ label }) => label === tag), val]
}

function storeUnsigned(view: DataView, at: number, size: number, value: number): void {
  if (size === 1) view.setUint8(at, value)
  else if (size === 2) view.setUint16(at, value, true)
  else view.setUint32(at, value, true)
}

export function storePair(cx: CanonContext, at: number, [pointer, length]: [number, number]): void {
  const { view } = cx.memory
  view.setUint32(at, pointer, true)
  view.setUint32(at + 4, length, true)
}

/** Writes a value to a place that was checked. The allocator may move the memory in between: views are made anew. */
export function store(cx: CanonContext, type: WitType, value: unknown, at: number): void {
  const { view } = cx.memory
  switch (type.kind) {
    case 'bool':
      return view.setUint8(at, value === true ? 1 : 0)
    case 's8':
    case 'u8':
      return view.setUint8(at, value as number)
    case 's16':
    case 'u16':
      return view.setUint16(at, value as number, true)
    case 's32':
    case 'u32':
      return view.setUint32(at, value as number, true)
    case 's64':
    case 'u64':
      return view.setBigUint64(at, value as bigint, true)
    case 'f32':
      return view.setFloat32(at, value as number, true)
    case 'f64':
      return view.setFloat64(at, value as number, true)
    case 'char':
      return view.setUint32(at, (value as string).codePointAt(0) ?? 0, true)
    case 'string':
      return storePair(cx, at, lowerString(cx, value as string))
    case 'list':
      return storePair(cx, at, lowerList(cx, type.element, value as unknown[]))
    case 'own':
      return view.setUint32(at, lowerOwn(cx, type.resource, value), true)
    case 'borrow':
      return view.setUint32(at, lowerBorrow(cx, type.resource, value), true)
    case 'stream':
    case 'future':
      return view.setUint32(at, lowerChannel(cx, type, value), true)
    case 'error-context':
      return view.setUint32(at, cx.handles.addItem(value as TableItem), true)
    case 'flags':
      return storeUnsigned(view, at, type.size, flagBits(type, value))
    case 'record':
    case 'tuple':
      for (const field of type.fields)
        store(cx, field.type, (value as Record<string, unknown>)[field.key], at + field.offset)
      return
    default: {
      const [index, payload] = caseOf(type, value)
      storeUnsigned(view, at, type.discriminant, index)
      const of = type.cases[index]?.type
      if (of) store(cx, of, payload, at + type.payload)
    }
  }
}

const scratch = new DataView(new ArrayBuffer(8))

/** A core value as the wider one that a variant's cases share. */
function widen(have: FlatType, want: FlatType, value: CoreValue): CoreValue {
  if (have === want) return value
  if (have === 'i32') return BigInt(Number(value) >>> 0)
  if (have === 'f64') {
    scratch.setFloat64(0, Number(value), true)
    return scratch.getBigUint64(0, true)
  }
  scratch.setFloat32(0, Number(value), true)
  const bits = scratch.getUint32(0, true)
  return want === 'i32' ? bits : BigInt(bits)
}

function lowerFlatCase(cx: CanonContext, type: SumType, value: unknown, out: CoreValue[]): void {
  const joined = type.flat ?? []
  const [index, payload] = caseOf(type, value)
  out.push(index)
  const of = type.cases[index]?.type
  const own: CoreValue[] = []
  if (of) lowerFlat(cx, of, payload, own)
  for (let at = 1; at < joined.length; at++) {
    const want = joined[at] as FlatType
    const have = of?.flat?.[at - 1]
    const present = own[at - 1]
    out.push(have && present !== undefined ? widen(have, want, present) : want === 'i64' ? 0n : 0)
  }
}

/** Adds the core values of a value. */
export function lowerFlat(cx: CanonContext, type: WitType, value: unknown, out: CoreValue[]): void {
  switch (type.kind) {
    case 'bool':
      out.push(value === true ? 1 : 0)
      return
    case 's64':
    case 'u64':
      out.push(value as bigint)
      return
    case 'char':
      out.push((value as string).codePointAt(0) ?? 0)
      return
    case 'string':
      out.push(...lowerString(cx, value as string))
      return
    case 'list':
      out.push(...lowerList(cx, type.element, value as unknown[]))
      return
    case 'own':
      out.push(lowerOwn(cx, type.resource, value))
      return
    case 'borrow':
      out.push(lowerBorrow(cx, type.resource, value))
      return
    case 'stream':
    case 'future':
      out.push(lowerChannel(cx, type, value))
      return
    case 'error-context':
      out.push(cx.handles.addItem(value as TableItem))
      return
    case 'flags':
      out.push(flagBits(type, value))
      return
    case 'record':
    case 'tuple':
      for (const field of type.fields) lowerFlat(cx, field.type, (value as Record<string, unknown>)[field.key], out)
      return
    case 'variant':
    case 'enum':
    case 'option':
    case 'result':
      lowerFlatCase(cx, type, value, out)
      return
    default:
      out.push(value as number)
  }
}
