/** A value of a caller in, the same checked and in its one form out: before anything of the guest is touched. */
import { TokaError } from '../../src/errors.ts'
import type { Representation } from './resources.ts'
import type { ResourceType } from './resource-types.ts'
import type { FlagsType, Primitive, ProductType, SumType, WitType } from './wit-types.ts'

/** Finds what a caller's handle stands for; undefined for one that it does not have. Owned ones are taken. */
export type HandleFinder = (value: unknown, resource: ResourceType, isOwned: boolean) => Representation | undefined

const RANGES: Readonly<Partial<Record<Primitive, readonly [least: number, most: number]>>> = {
  s8: [-(2 ** 7), 2 ** 7 - 1],
  u8: [0, 2 ** 8 - 1],
  s16: [-(2 ** 15), 2 ** 15 - 1],
  u16: [0, 2 ** 16 - 1],
  s32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
}

function shown(value: unknown): string {
  if (value === null) return 'null'
  if (value === undefined) return 'undefined'
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40).toWellFormed())
  return Array.isArray(value) ? 'an array' : value instanceof Uint8Array ? 'bytes' : 'an object'
}

function wrong(path: string, expected: string, value: unknown): TokaError {
  return new TokaError('TOKA_VALUE_UNSUPPORTED', `${path} must be ${expected}, not ${shown(value)}`)
}

function integer(type: Primitive, value: unknown, path: string): number {
  const [least, most] = RANGES[type] as readonly [number, number]
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  throw wrong(path, `a whole number from ${least} to ${most} (${type})`, value)
}

function long(type: 's64' | 'u64', value: unknown, path: string): bigint {
  const whole = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value
  const fits = type === 's64' ? BigInt.asIntN : BigInt.asUintN
  if (typeof whole === 'bigint' && fits(64, whole) === whole) return whole
  throw wrong(path, `a big integer of 64 bits (${type})`, value)
}

function char(value: unknown, path: string): string {
  if (typeof value === 'string' && value.isWellFormed() && [...value].length === 1) return value
  throw wrong(path, 'a string of one character', value)
}

function string(value: unknown, path: string): string {
  if (typeof value === 'string' && value.isWellFormed()) return value
  throw wrong(path, 'a well-formed string', value)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

/** A walk over one value. */
class Check {
  readonly #find: HandleFinder

  constructor(find: HandleFinder) {
    this.#find = find
  }

  value(type: WitType, value: unknown, path: string): unknown {
    switch (type.kind) {
      case 'bool':
        if (typeof value === 'boolean') return value
        throw wrong(path, 'true or false', value)
      case 's64':
      case 'u64':
        return long(type.kind, value, path)
      case 'f32':
      case 'f64':
        if (typeof value === 'number') return value
        throw wrong(path, 'a number', value)
      case 'char':
        return char(value, path)
      case 'string':
        return string(value, path)
      case 'list':
        return this.#list(type.element, value, path)
      case 'record':
        return this.#record(type, value, path)
      case 'tuple':
        if (Array.isArray(value) && value.length === type.fields.length)
          return type.fields.map((field, at) => this.value(field.type, value[at], `${path}[${at}]`))
        throw wrong(path, `an array of ${type.fields.length}`, value)
      case 'flags':
        return this.#flags(type, value, path)
      case 'own':
      case 'borrow':
        return this.#handle(type.resource, type.kind === 'own', value, path)
      case 'variant':
      case 'enum':
      case 'option':
      case 'result':
        return this.#case(type, value, path)
      case 'stream':
      case 'future':
      case 'error-context':
        throw wrong(path, `of a type that can be given from outside; a ${type.kind} cannot`, value)
      default:
        return integer(type.kind, value, path)
    }
  }

  #list(element: WitType, value: unknown, path: string): unknown {
    if (element.kind === 'u8' && value instanceof Uint8Array) return value
    if (!Array.isArray(value)) throw wrong(path, element.kind === 'u8' ? 'bytes' : 'an array', value)
    const items = value.map((item, at) => this.value(element, item, `${path}[${at}]`))
    return element.kind === 'u8' ? Uint8Array.from(items as number[]) : items
  }

  #record(type: ProductType, value: unknown, path: string): Record<string, unknown> {
    if (!isObject(value)) throw wrong(path, `an object with ${type.fields.map(({ key }) => key).join(', ')}`, value)
    const unknown = Object.keys(value).find((key) => !type.fields.some((field) => field.key === key))
    if (unknown !== undefined) throw wrong(`${path}.${unknown.slice(0, 40).toWellFormed()}`, 'absent', value[unknown])
    return Object.fromEntries(
      type.fields.map(({ key, type: of }) => [key, this.value(of, ownOf(value, key), `${path}.${key}`)]),
    )
  }

  #flags(type: FlagsType, value: unknown, path: string): Record<string, boolean> {
    const expected = `an object of booleans with ${type.labels.map(({ key }) => key).join(', ')}`
    if (!isObject(value)) throw wrong(path, expected, value)
    for (const [key, flag] of Object.entries(value))
      if (typeof flag !== 'boolean' || !type.labels.some((label) => label.key === key))
        throw wrong(path, expected, value)
    return Object.fromEntries(type.labels.map(({ key }) => [key, ownOf(value, key) === true]))
  }

  #handle(resource: ResourceType, isOwned: boolean, value: unknown, path: string): Representation {
    const found = this.#find(value, resource, isOwned)
    if (found === undefined) throw wrong(path, `a ${resource.name} that this sandbox has handed out`, value)
    return found
  }

  #case(type: SumType, value: unknown, path: string): unknown {
    const labels = type.cases.map(({ label }) => JSON.stringify(label)).join(', ')
    if (type.kind === 'enum') {
      if (type.cases.some(({ label }) => label === value)) return value
      throw wrong(path, `one of ${labels}`, value)
    }
    const some = type.cases[1]?.type
    if (type.kind === 'option' && some && some.kind !== 'option')
      return value === undefined || value === null ? undefined : this.value(some, value, path)
    const found = isObject(value) ? type.cases.find(({ label }) => label === ownOf(value, 'tag')) : undefined
    if (!found) throw wrong(path, `an object whose tag is one of ${labels}`, value)
    const val = ownOf(value as Record<string, unknown>, 'val')
    if (found.type) return { tag: found.label, val: this.value(found.type, val, `${path}.val`) }
    if (val !== undefined) throw wrong(`${path}.val`, 'absent', val)
    return { tag: found.label }
  }
}

function ownOf(object: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

/**
 * Checks a caller's value against a type.
 * @param path what messages call it
 * @throws TokaError TOKA_VALUE_UNSUPPORTED naming the place
 */
export function checkWitValue(type: WitType, value: unknown, path: string, find: HandleFinder): unknown {
  return new Check(find).value(type, value, path)
}
