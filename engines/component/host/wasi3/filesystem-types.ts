/** WIT types of wasi:filesystem 0.3 in place of those of 0.2, and values of the one as values of the other. */
import { channel, list, option, primitive, record, result, tuple, variant, type WitType } from '../../wit-types.ts'
import { datetime } from '../clocks.ts'
import * as types from '../filesystem-types.ts'
import { instant } from './clocks.ts'

/** What was an enum may be something else since. */
function open(labels: readonly string[]): WitType {
  return variant([...labels.map((label) => [label, undefined] as const), ['other', option(primitive('string'))]])
}

function labelsOf(type: WitType): string[] {
  return 'cases' in type ? type.cases.map(({ label }) => label) : []
}

export const errorCode = open(labelsOf(types.errorCode).filter((label) => label !== 'would-block'))
const descriptorType = open([
  'block-device',
  'character-device',
  'directory',
  'fifo',
  'symbolic-link',
  'regular-file',
  'socket',
])

/** What is called otherwise now is something else. */
function opened(value: unknown, type: WitType): { tag: string } {
  const tag = String(value)
  return { tag: labelsOf(type).includes(tag) ? tag : 'other' }
}

const NAMED: ReadonlyMap<WitType, WitType> = new Map([
  [types.errorCode, errorCode],
  [types.descriptorType, descriptorType],
  [datetime, instant],
])

/** The type of 0.3 that stands where a type of 0.2 did. */
export function typeOf3(type: WitType): WitType {
  const named = NAMED.get(type)
  if (named) return named
  switch (type.kind) {
    case 'list':
      return list(typeOf3(type.element))
    case 'tuple':
      return tuple(type.fields.map((field) => typeOf3(field.type)))
    case 'record':
      return record(type.fields.map((field) => [field.label, typeOf3(field.type)] as const))
    case 'option':
    case 'result':
    case 'variant': {
      const [first, second] = type.cases.map((one) => one.type && typeOf3(one.type))
      if (type.kind === 'option' && second) return option(second)
      if (type.kind === 'result') return result(first, second)
      return variant(type.cases.map((one) => [one.label, one.type && typeOf3(one.type)] as const))
    }
    default:
      return type
  }
}

/** A value of a type of 0.2 as one of the type that stands there now. */
export function valueOf3(type: WitType, value: unknown): unknown {
  if (type === types.errorCode) return opened(value, errorCode)
  if (type === types.descriptorType) return opened(value, descriptorType)
  if (type.kind === 'record' && type !== datetime)
    return Object.fromEntries(
      type.fields.map(({ key, type: of }) => [key, valueOf3(of, (value as Record<string, unknown>)[key])]),
    )
  if (type.kind !== 'result') return value
  const { tag, val } = value as { tag: string; val?: unknown }
  const of = type.cases.find(({ label }) => label === tag)?.type
  return of ? { tag, val: valueOf3(of, val) } : value
}

const { directoryEntry } = types
export const entries = channel('stream', typeOf3(directoryEntry))
export const bytesEnd = channel('future', result(undefined, errorCode))
