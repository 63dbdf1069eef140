/** WIT types in, their canonical layout out: sizes, alignment and flat core types, all bounded before a value exists. */
import { TokaError } from '../../src/errors.ts'
import type { ResourceType } from './resource-types.ts'

/** Core types that values travel in. */
export type FlatType = 'i32' | 'i64' | 'f32' | 'f64'

export const PRIMITIVES = [
  'bool',
  's8',
  'u8',
  's16',
  'u16',
  's32',
  'u32',
  's64',
  'u64',
  'f32',
  'f64',
  'char',
  'string',
] as const
export type Primitive = (typeof PRIMITIVES)[number]

/** What the canonical ABI says of a type (CanonicalABI.md, "Alignment", "Element Size", "Flattening"). */
type Layout = {
  /** Bytes in memory, and their alignment. */
  readonly size: number
  readonly align: number
  /** Core types when it is passed flat; undefined for more than `MOST_FLAT`, which never is. */
  readonly flat: readonly FlatType[] | undefined
  /** Types on the longest way down: what walks a value is recursive. */
  readonly depth: number
  readonly borrows: boolean
  /** Whether resources are in it, borrowed or owned. */
  readonly handles: boolean
  /** Whether streams or futures are in it, or error contexts. */
  readonly channels: boolean
}

export type Field = { readonly label: string; readonly key: string; readonly type: WitType; readonly offset: number }
export type Case = { readonly label: string; readonly type: WitType | undefined }

type Cases = { readonly cases: readonly Case[]; readonly discriminant: 1 | 2 | 4; readonly payload: number }

export type PrimitiveType = Layout & { readonly kind: Primitive }
export type ListType = Layout & { readonly kind: 'list'; readonly element: WitType }
export type ProductType = Layout & { readonly kind: 'record' | 'tuple'; readonly fields: readonly Field[] }
export type SumType = Layout & { readonly kind: 'variant' | 'enum' | 'option' | 'result' } & Cases
export type FlagsType = Layout & {
  readonly kind: 'flags'
  readonly labels: readonly { label: string; key: string }[]
}
export type HandleType = Layout & { readonly kind: 'own' | 'borrow'; readonly resource: ResourceType }

/** A stream or a future of values, or of nothing but their number. */
export type ChannelType = Layout & { readonly kind: 'stream' | 'future'; readonly element: WitType | undefined }
export type ErrorContextType = Layout & { readonly kind: 'error-context' }

export type WitType =
  | PrimitiveType
  | ListType
  | ProductType
  | SumType
  | FlagsType
  | HandleType
  | ChannelType
  | ErrorContextType

export type Parameter = { readonly name: string; readonly type: WitType }
export type FunctionType = {
  readonly isAsync: boolean
  readonly params: readonly Parameter[]
  readonly result: WitType | undefined
}

/** MAX_FLAT_PARAMS of the canonical ABI; more values go through memory. */
export const MOST_FLAT = 16
/** The specification keeps element sizes below 2^28 (Binary.md, "Type Definitions"). */
const MOST_BYTES = 2 ** 28
/** Types within types. */
const MOST_DEPTH = 64
/** Fields, cases or labels of one type. */
const MOST_MEMBERS = 4_096

function refuse(reason: string): TokaError {
  return new TokaError('TOKA_ENGINE_LOAD', `the component is refused: ${reason}`)
}

export function alignTo(offset: number, align: number): number {
  return Math.ceil(offset / align) * align
}

const FIRST_WORD = /^(?:[a-z][a-z0-9]*|[A-Z][A-Z0-9]*)$/
const WORD = /^(?:[a-z0-9]+|[A-Z0-9]+)$/

/** Word by word: one expression over all of them tries words of digits in both ways, each of them anew. */
function isLabel(text: string): boolean {
  return text.split('-').every((word, at) => (at === 0 ? FIRST_WORD : WORD).test(word))
}

/** A label as a key of JavaScript: `link-count` is `linkCount`, as jco and others have it. */
export function keyOf(label: string): string {
  return label.replace(/-([a-zA-Z0-9])/g, (_, first: string) => first.toUpperCase())
}

/** Labels of one type, with their keys: words of letters and digits, no two the same. */
function checkLabels(labels: readonly string[]): { label: string; key: string }[] {
  if (labels.length > MOST_MEMBERS) throw refuse(`a type has more than ${MOST_MEMBERS} members`)
  const keyed = labels.map((label) => {
    if (label.length > 128 || !isLabel(label)) throw refuse(`${JSON.stringify(label.slice(0, 40))} is no label`)
    return { label, key: keyOf(label) }
  })
  if (new Set(keyed.map(({ key }) => key.toLowerCase())).size !== labels.length)
    throw refuse('two members of a type have one name')
  return keyed
}

function bounded<T extends Layout>(type: T): T {
  if (type.size >= MOST_BYTES) throw refuse('a type has 2^28 bytes or more')
  if (type.depth > MOST_DEPTH) throw refuse(`a type is more than ${MOST_DEPTH} types deep`)
  return type
}

const PRIMITIVE_LAYOUTS: Readonly<Record<Primitive, readonly [size: number, flat: readonly FlatType[]]>> = {
  bool: [1, ['i32']],
  s8: [1, ['i32']],
  u8: [1, ['i32']],
  s16: [2, ['i32']],
  u16: [2, ['i32']],
  s32: [4, ['i32']],
  u32: [4, ['i32']],
  s64: [8, ['i64']],
  u64: [8, ['i64']],
  f32: [4, ['f32']],
  f64: [8, ['f64']],
  char: [4, ['i32']],
  string: [8, ['i32', 'i32']],
}

const NOTHING_INSIDE = { borrows: false, handles: false, channels: false } as const

const primitives = new Map<Primitive, WitType>(
  PRIMITIVES.map((kind) => {
    const [size, flat] = PRIMITIVE_LAYOUTS[kind]
    return [kind, { kind, size, align: kind === 'string' ? 4 : size, flat, depth: 1, ...NOTHING_INSIDE }]
  }),
)

export function primitive(kind: Primitive): WitType {
  return primitives.get(kind) as WitType
}

export function list(element: WitType): WitType {
  const { depth } = element
  const flat = ['i32', 'i32'] as const
  return bounded({ kind: 'list', element, size: 8, align: 4, flat, depth: depth + 1, ...traitsOf([element]) })
}

function flatOf(types: readonly WitType[]): readonly FlatType[] | undefined {
  const flat: FlatType[] = []
  for (const type of types) {
    if (!type.flat || flat.length + type.flat.length > MOST_FLAT) return undefined
    flat.push(...type.flat)
  }
  return flat
}

function traitsOf(types: readonly WitType[]): Pick<Layout, 'borrows' | 'handles' | 'channels'> {
  return {
    borrows: types.some(({ borrows }) => borrows),
    handles: types.some(({ handles }) => handles),
    channels: types.some(({ channels }) => channels),
  }
}

function product(kind: 'record' | 'tuple', members: readonly { label: string; key: string; type: WitType }[]): WitType {
  if (members.length === 0) throw refuse(`a ${kind} has no members`)
  let size = 0
  let align = 1
  const fields = members.map((member) => {
    const offset = alignTo(size, member.type.align)
    size = offset + member.type.size
    align = Math.max(align, member.type.align)
    return { ...member, offset }
  })
  const types = members.map(({ type }) => type)
  const depth = Math.max(...types.map((type) => type.depth)) + 1
  return bounded({ kind, fields, size: alignTo(size, align), align, flat: flatOf(types), depth, ...traitsOf(types) })
}

export function record(fields: readonly (readonly [string, WitType])[]): WitType {
  const labels = checkLabels(fields.map(([label]) => label))
  return product(
    'record',
    fields.map(([, type], at) => ({ ...(labels[at] as { label: string; key: string }), type })),
  )
}

export function tuple(types: readonly WitType[]): WitType {
  if (types.length > MOST_MEMBERS) throw refuse(`a type has more than ${MOST_MEMBERS} members`)
  return product(
    'tuple',
    types.map((type, at) => ({ label: String(at), key: String(at), type })),
  )
}

/** The one core type that two can share. */
function join(a: FlatType, b: FlatType): FlatType {
  if (a === b) return a
  return (a === 'i32' && b === 'f32') || (a === 'f32' && b === 'i32') ? 'i32' : 'i64'
}

function flatCases(cases: readonly Case[]): readonly FlatType[] | undefined {
  const flat: FlatType[] = ['i32']
  for (const { type } of cases) {
    if (!type) continue
    if (!type.flat) return undefined
    type.flat.forEach((one, at) => {
      const present = flat[at + 1]
      flat[at + 1] = present ? join(present, one) : one
    })
  }
  return flat.length > MOST_FLAT ? undefined : flat
}

function sum(kind: 'variant' | 'enum' | 'option' | 'result', cases: readonly Case[]): WitType {
  if (cases.length === 0) throw refuse(`a ${kind} has no cases`)
  const discriminant = cases.length <= 2 ** 8 ? 1 : cases.length <= 2 ** 16 ? 2 : 4
  const types = cases.flatMap(({ type }) => (type ? [type] : []))
  const payloadAlign = Math.max(1, ...types.map((type) => type.align))
  const align = Math.max(discriminant, payloadAlign)
  const payload = alignTo(discriminant, payloadAlign)
  const size = alignTo(payload + Math.max(0, ...types.map((type) => type.size)), align)
  const depth = Math.max(0, ...types.map((type) => type.depth)) + 1
  const flat = flatCases(cases)
  return bounded({ kind, cases, discriminant, payload, size, align, flat, depth, ...traitsOf(types) })
}

export function variant(cases: readonly (readonly [string, WitType | undefined])[]): WitType {
  checkLabels(cases.map(([label]) => label))
  return sum(
    'variant',
    cases.map(([label, type]) => ({ label, type })),
  )
}

export function enumeration(labels: readonly string[]): WitType {
  checkLabels(labels)
  return sum(
    'enum',
    labels.map((label) => ({ label, type: undefined })),
  )
}

export function option(type: WitType): WitType {
  return sum('option', [
    { label: 'none', type: undefined },
    { label: 'some', type },
  ])
}

export function result(ok?: WitType, error?: WitType): WitType {
  return sum('result', [
    { label: 'ok', type: ok },
    { label: 'err', type: error },
  ])
}

export function flags(labels: readonly string[]): WitType {
  if (labels.length === 0 || labels.length > 32) throw refuse('flags have from 1 to 32 labels')
  const size = labels.length <= 8 ? 1 : labels.length <= 16 ? 2 : 4
  return { kind: 'flags', labels: checkLabels(labels), size, align: size, flat: ['i32'], depth: 1, ...traitsOf([]) }
}

export function own(resource: ResourceType): WitType {
  return { kind: 'own', resource, size: 4, align: 4, flat: ['i32'], depth: 1, ...NOTHING_INSIDE, handles: true }
}

export function borrow(resource: ResourceType): WitType {
  return {
    kind: 'borrow',
    resource,
    size: 4,
    align: 4,
    flat: ['i32'],
    depth: 1,
    ...NOTHING_INSIDE,
    borrows: true,
    handles: true,
  }
}

/** A stream or a future. */
export function channel(kind: 'stream' | 'future', element: WitType | undefined): ChannelType {
  if (element?.borrows) throw refuse(`a ${kind} carries borrowed handles`)
  if (kind === 'stream' && element?.kind === 'char') throw refuse('streams of char are not specified yet')
  const { handles } = traitsOf(element ? [element] : [])
  const depth = (element?.depth ?? 0) + 1
  return bounded({ kind, element, size: 4, align: 4, flat: ['i32'], depth, borrows: false, handles, channels: true })
}

export const errorContext: WitType = {
  kind: 'error-context',
  size: 4,
  align: 4,
  flat: ['i32'],
  depth: 1,
  ...NOTHING_INSIDE,
  channels: true,
}

/** Whether two types are the same; resources by `sameResource`. */
export function sameType(
  a: WitType | undefined,
  b: WitType | undefined,
  sameResource: (a: ResourceType, b: ResourceType) => boolean,
): boolean {
  if (a === b) return true
  if (!a || !b || a.kind !== b.kind || a.size !== b.size) return false
  const same = (x: WitType | undefined, y: WitType | undefined): boolean => sameType(x, y, sameResource)
  if (a.kind === 'list') return same(a.element, (b as typeof a).element)
  if (a.kind === 'stream' || a.kind === 'future') return same(a.element, (b as typeof a).element)
  if (a.kind === 'own' || a.kind === 'borrow') return sameResource(a.resource, (b as typeof a).resource)
  if ('labels' in a) return sameMembers(a.labels, (b as typeof a).labels, () => true)
  if ('fields' in a) return sameMembers(a.fields, (b as typeof a).fields, (x, y) => same(x.type, y.type))
  if ('cases' in a) return sameMembers(a.cases, (b as typeof a).cases, (x, y) => same(x.type, y.type))
  return true
}

/** Whether two types of one component are the same. */
export function isSame(a: WitType | undefined, b: WitType | undefined): boolean {
  return sameType(a, b, (x, y) => x === y)
}

function sameMembers<T extends { label: string }>(a: readonly T[], b: readonly T[], same: (x: T, y: T) => boolean) {
  return a.length === b.length && a.every((one, at) => one.label === b[at]?.label && same(one, b[at] as T))
}
