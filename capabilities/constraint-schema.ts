/** Constraints of a tool's arguments as people write them in, checked ones out: exactly one kind each, and no unknown kind. */
import * as z from 'zod'
import { tryParseGlob } from './glob.ts'
import { tryParseHostGlob } from './host-glob.ts'
import { once } from './once.ts'

const KINDS = ['any', 'equals', 'oneOf', 'min', 'path', 'host', 'prefix'] as const
const ITEMS = 256
const TEXT = 1_024

function pattern(parse: (text: string) => unknown) {
  return z.string().superRefine((text, context) => {
    const parsed = parse(text)
    if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: parsed })
  })
}

/** Constraints as a grant holds them: a closed world, so an argument without one is refused. `kinds` are the fields of one. */
export const constraints = once(() => {
  const scalar = z.union(
    [z.string().max(TEXT), z.number(), z.boolean(), z.null()],
    'must be a text, a number, true, false or null',
  )
  const fields = z.strictObject({
    any: z.literal(true).optional(),
    equals: scalar.optional(),
    oneOf: z.array(scalar).min(1).max(ITEMS).optional(),
    min: z.number().optional(),
    max: z.number().optional(),
    path: pattern(tryParseGlob).optional(),
    host: pattern(tryParseHostGlob).optional(),
    prefix: z.string().min(1).max(TEXT).optional(),
    optional: z.literal(true).optional(),
  })
  const constraint = fields
    .refine(
      (one) => kindsOf(one).length === 1,
      `must have exactly one of ${KINDS.join(', ')} (min and max may go together)`,
    )
    .refine((one) => !((one.min ?? -Infinity) > (one.max ?? Infinity)), 'has a min above its max')
  const schema = z
    .record(z.string().min(1).max(128), constraint)
    .refine((all) => Object.keys(all).length <= 64, 'must constrain at most 64 arguments')
  return { schema, kinds: Object.keys(fields.shape) }
})

function kindsOf(one: object): string[] {
  return [
    ...new Set(
      Object.keys(one)
        .filter((key) => key !== 'optional' && Reflect.get(one, key) !== undefined)
        .map((key) => (key === 'max' ? 'min' : key)),
    ),
  ]
}
