/** What a grant is: plain data from a person, a file or a token in, a checked grant out; whatever is not known is refused. */
import * as z from 'zod'
import { explain, show } from './explain.ts'
import { tryParseGlob } from './glob.ts'
import { GrantError } from './grant-error.ts'

/** Grants of a sandbox, and patterns or names of a grant. */
const GRANTS = 256
const ITEMS = 256
const NAME_LENGTH = 255
const DAY_MS = 86_400_000

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: DAY_MS } as const

/** `{ per: '1s', burst: 10 }`: ten calls a second, evenly refilled, all ten at once if none came before. */
const rate = z.strictObject({
  per: z
    .string()
    .regex(/^[1-9]\d{0,6}(ms|s|m|h|d)$/, 'must be a duration such as "500ms", "1s", "5m", "1h" or "1d"')
    .refine((text) => durationMs(text) <= 366 * DAY_MS, 'must be at most 366 days'),
  burst: z.int().min(1).max(1_000_000),
})

const calls = z.int().min(0)
const quota = z.strictObject({ calls: calls.optional(), bytes: z.int().min(0).optional() })
const callQuota = z.strictObject({ calls: calls.optional() })

/** An ISO 8601 time with its zone, or milliseconds since 1970; kept as milliseconds. */
const time = z.union(
  [z.int().min(0), z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))],
  'must be an ISO time with a zone, such as "2030-01-31T12:00:00Z", or milliseconds since 1970',
)

const pattern = z.string().superRefine((text, context) => {
  const parsed = tryParseGlob(text)
  if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: parsed })
})

const name = z
  .string()
  .min(1)
  .max(NAME_LENGTH)
  .refine((text) => text.isWellFormed(), 'is not valid Unicode')
  .refine((text) => !/[\u0000-\u001f\u007f]/.test(text), 'has a control character')
  .refine((text) => !/[*?[\]{}]/.test(text), 'names are exact: no patterns')

const variable = name.refine((text) => !text.includes('='), 'has "=" in it')

function actionsOf<const T extends readonly [string, ...string[]]>(...actions: T) {
  return z.array(z.enum(actions)).min(1).max(actions.length)
}

const times = { rate: rate.optional(), notBefore: time.optional(), expires: time.optional() }

const kinds = {
  fs: z.strictObject({
    resource: z.literal('fs'),
    /** `read` also lists directories and tells sizes and times; `write` also creates, deletes, renames and truncates. */
    actions: actionsOf('read', 'write'),
    /** Patterns of absolute guest paths. */
    paths: z.array(pattern).min(1).max(ITEMS),
    /** `calls` counts opens and the like; `bytes` what open files read and write. */
    quota: quota.optional(),
    ...times,
  }),
  env: z.strictObject({
    resource: z.literal('env'),
    actions: actionsOf('read'),
    names: z.array(variable).min(1).max(ITEMS),
    quota: callQuota.optional(),
    ...times,
  }),
  clock: z.strictObject({
    resource: z.literal('clock'),
    /** The clock at full resolution. A coarse one needs no grant. */
    actions: actionsOf('precise'),
    quota: callQuota.optional(),
    ...times,
  }),
  tool: z.strictObject({
    resource: z.literal('tool'),
    actions: actionsOf('call'),
    names: z.array(name).min(1).max(ITEMS),
    /** `bytes` counts arguments and results, encoded. */
    quota: quota.optional(),
    ...times,
  }),
} as const

type Resource = keyof typeof kinds

/** One permission. */
export const grantSchema = z.discriminatedUnion('resource', [kinds.fs, kinds.env, kinds.clock, kinds.tool])

/** A grant as people write it. */
export type GrantInput = z.input<typeof grantSchema>
/** A checked grant: times in milliseconds. */
export type Grant = z.output<typeof grantSchema>

/** Resources and fields that the design has and this version does not: named apart, so that nobody looks for a typing mistake. */
const LATER_RESOURCES: ReadonlySet<string> = new Set(['net', 'random', 'llm', 'kv', 'process'])
const LATER_FIELDS: ReadonlySet<string> = new Set(['hosts', 'cidrs', 'ports', 'methods', 'args', 'approval', 'flow'])

/** A duration such as `5m`, in milliseconds. */
export function durationMs(text: string): number {
  const parts = /^(\d+)([a-z]+)$/.exec(text)
  const unit = UNIT_MS[parts?.[2] as keyof typeof UNIT_MS]
  return Number(parts?.[1]) * unit
}

function fieldNames(resource: Resource, inside: readonly PropertyKey[]): string[] {
  const shape = kinds[resource].shape
  if (inside[0] === 'rate') return Object.keys(rate.shape)
  if (inside[0] === 'quota') return Object.keys((resource === 'fs' || resource === 'tool' ? quota : callQuota).shape)
  return Object.keys(shape)
}

function describe(issue: z.core.$ZodIssue, resource: Resource, value: object): string {
  const field = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
  if (issue.code !== 'unrecognized_keys') {
    const found = issue.path.reduce<unknown>(
      (at, part) => (at as Record<PropertyKey, unknown> | undefined)?.[part],
      value,
    )
    return issue.code === 'custom' ? `${field} ${issue.message} (it is ${show(found)})` : `${field} ${issue.message}`
  }
  const key = String(issue.keys[0]).slice(0, 60)
  const path = `${field}.${key}`
  if (field === '' && LATER_FIELDS.has(key)) return `${path} is not supported yet`
  const known = fieldNames(resource, issue.path).join(', ')
  return `${path} is not a field of ${field === '' ? `a grant of resource "${resource}"` : field}; there are: ${known}`
}

/**
 * Checks one grant.
 * @param where how the error names it, such as `grants[0]`
 * @throws GrantError naming the field, its value and what is expected
 */
export function parseGrant(value: unknown, where = 'grant'): Grant {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new GrantError(`${where} must be an object, it is ${show(value)}`)
  }
  const resource: unknown = (value as { resource?: unknown }).resource
  if (typeof resource === 'string' && LATER_RESOURCES.has(resource)) {
    throw new GrantError(
      `${where}.resource ${show(resource)} is not supported yet; there are: ${Object.keys(kinds).join(', ')}`,
    )
  }
  if (typeof resource !== 'string' || !Object.hasOwn(kinds, resource)) {
    throw new GrantError(`${where}.resource must be one of ${Object.keys(kinds).join(', ')} (it is ${show(resource)})`)
  }
  if (Object.hasOwn(value, '__proto__')) {
    throw new GrantError(`${where}.__proto__ is not a field of a grant of resource "${resource}"`)
  }
  const parsed = grantSchema.safeParse(value, { error: explain })
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues
    .slice(0, 3)
    .map((issue) => `${where}${describe(issue, resource as Resource, value)}`)
  throw new GrantError(issues.join('; '))
}

/**
 * Checks a list of grants.
 * @throws GrantError naming the grant and the field
 */
export function parseGrants(value: unknown): Grant[] {
  if (!Array.isArray(value)) throw new GrantError(`grants must be an array, it is ${show(value)}`)
  if (value.length > GRANTS) throw new GrantError(`grants has ${value.length} entries; at most ${GRANTS} are allowed`)
  return Array.from(value, (grant, index) => parseGrant(grant, `grants[${index}]`))
}
