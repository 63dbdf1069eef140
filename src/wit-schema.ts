/** Types of WIT in, zod schemas out: what a tool made of a component's function says of its arguments and its result. */
import * as z from 'zod'
import type { ValueShape } from './engine.ts'
import { TokaError } from './errors.ts'

/** Types in one schema, each counted where it stands: a description of them is read by people and models. */
const MOST_TYPES = 2_000

const WHOLE: Readonly<Record<string, readonly [least: number, most: number]>> = {
  s8: [-(2 ** 7), 2 ** 7 - 1],
  u8: [0, 2 ** 8 - 1],
  s16: [-(2 ** 15), 2 ** 15 - 1],
  u16: [0, 2 ** 16 - 1],
  s32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
}

function unsupported(name: string, reason: string): TokaError {
  return new TokaError('TOKA_TOOL_INVALID', `${name} cannot be a tool: ${reason}`)
}

class SchemaMaker {
  readonly #name: string
  #left = MOST_TYPES

  constructor(name: string) {
    this.#name = name
  }

  make(type: ValueShape): z.ZodType {
    if (this.#left-- <= 0) throw unsupported(this.#name, `its types have more than ${MOST_TYPES} parts`)
    if ('element' in type) return this.#list(type.element)
    if ('fields' in type) return this.#product(type)
    if ('labels' in type)
      return z.strictObject(Object.fromEntries(type.labels.map(({ key }) => [key, z.boolean().optional()])))
    if ('cases' in type) return this.#sum(type)
    return this.#primitive(type.kind)
  }

  #primitive(kind: string): z.ZodType {
    const range = WHOLE[kind]
    if (range) return z.int().min(range[0]).max(range[1])
    switch (kind) {
      case 'bool':
        return z.boolean()
      case 's64':
        return z
          .bigint()
          .min(-(2n ** 63n))
          .max(2n ** 63n - 1n)
      case 'u64':
        return z
          .bigint()
          .min(0n)
          .max(2n ** 64n - 1n)
      case 'f32':
      case 'f64':
        return z.number()
      case 'char':
        return z.string().describe('one character')
      case 'string':
        return z.string()
      default:
        throw unsupported(this.#name, 'it takes or answers a resource, which lives as long as a sandbox')
    }
  }

  #list(element: ValueShape): z.ZodType {
    return element.kind === 'u8' ? z.instanceof(Uint8Array) : z.array(this.make(element))
  }

  #product({ kind, fields }: Extract<ValueShape, { fields: unknown }>): z.ZodType {
    if (kind === 'tuple') return z.tuple(fields.map(({ type }) => this.make(type)) as [z.ZodType, ...z.ZodType[]])
    return z.strictObject(Object.fromEntries(fields.map(({ key, type }) => [key, this.make(type)])))
  }

  #sum({ kind, cases }: Extract<ValueShape, { cases: unknown }>): z.ZodType {
    const labels = cases.map(({ label }) => label)
    if (kind === 'enum') return z.enum(labels)
    const some = cases[1]?.type
    if (kind === 'option' && some && some.kind !== 'option') return this.make(some).optional()
    const members = cases.map(({ label, type }) =>
      z.strictObject({ tag: z.literal(label), ...(type ? { val: this.make(type) } : {}) }),
    )
    return z.union(members)
  }
}

/** @throws TokaError TOKA_TOOL_INVALID for types that no tool can have */
export function schemaOfShape(name: string, type: ValueShape): z.ZodType {
  return new SchemaMaker(name).make(type)
}

/** Parameters as the object that a tool takes. */
export function schemaOfParameters(
  name: string,
  params: readonly { readonly key: string; readonly type: ValueShape }[],
): z.ZodType {
  const maker = new SchemaMaker(name)
  return z.strictObject(Object.fromEntries(params.map(({ key, type }) => [key, maker.make(type)])))
}
