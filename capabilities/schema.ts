/** What a grant is: plain data from a person, a file or a token in, a checked grant out; whatever is not known is refused. */
import * as z from 'zod'
import { constraints } from './constraint-schema.ts'
import { explain, show } from './explain.ts'
import { GrantError } from './grant-error.ts'
import { once } from './once.ts'
import { METHODS, SCHEMES } from './methods.ts'
import { actionsOf, fields, ITEMS } from './schema-fields.ts'

/** Grants of a sandbox. */
const GRANTS = 256

/** The schemas of each resource's grants, and of any grant. */
const schemas = once(() => {
  const {
    approval,
    callQuota,
    conditions,
    hostPattern,
    name,
    network,
    pathPattern,
    port,
    quota,
    urlPattern,
    variable,
  } = fields()
  const kinds = {
    fs: z.strictObject({
      resource: z.literal('fs'),
      /** `read` also lists directories and tells sizes and times; `write` also creates, deletes, renames and truncates. */
      actions: actionsOf('read', 'write'),
      /** Patterns of absolute guest paths. */
      paths: z.array(pathPattern).min(1).max(ITEMS),
      /** `calls` counts opens and the like; `bytes` what open files read and write. */
      quota: quota.optional(),
      ...conditions,
    }),
    net: z.strictObject({
      resource: z.literal('net'),
      actions: actionsOf('fetch'),
      /** Default: `https` alone. */
      schemes: z.array(z.enum(SCHEMES)).min(1).max(2).optional(),
      /** Patterns of canonical host names. */
      hosts: z.array(hostPattern).min(1).max(ITEMS),
      /** Default: the port of each scheme. */
      ports: z.array(port).min(1).max(ITEMS).optional(),
      /** Patterns of the canonical path; default: every path. */
      paths: z.array(urlPattern).min(1).max(ITEMS).optional(),
      /** Default: GET and HEAD. */
      methods: z.array(z.enum(METHODS)).min(1).max(METHODS.length).optional(),
      /** Networks that the host's address must be in; default: the public internet alone. */
      cidrs: z.array(network).min(1).max(ITEMS).optional(),
      /** `bytes` counts bodies, sent and received. */
      quota: quota.optional(),
      approval,
      ...conditions,
    }),
    env: z.strictObject({
      resource: z.literal('env'),
      actions: actionsOf('read'),
      names: z.array(variable).min(1).max(ITEMS),
      quota: callQuota.optional(),
      ...conditions,
    }),
    clock: z.strictObject({
      resource: z.literal('clock'),
      /** The clock at full resolution. A coarse one needs no grant. */
      actions: actionsOf('precise'),
      quota: callQuota.optional(),
      ...conditions,
    }),
    tool: z.strictObject({
      resource: z.literal('tool'),
      actions: actionsOf('call'),
      names: z.array(name).min(1).max(ITEMS),
      /** What each argument must be; one that is not named here is refused. */
      args: constraints().schema.optional(),
      /** `bytes` counts arguments and results, encoded. */
      quota: quota.optional(),
      approval,
      ...conditions,
    }),
  } as const
  const grant = z.discriminatedUnion('resource', [kinds.fs, kinds.net, kinds.env, kinds.clock, kinds.tool])
  return { kinds, grant }
})

type Schemas = ReturnType<typeof schemas>
type Resource = keyof Schemas['kinds']
const RESOURCES = ['fs', 'net', 'env', 'clock', 'tool'] as const satisfies readonly Resource[]

/** A grant as people write it. */
export type GrantInput = z.input<Schemas['grant']>
/** A checked grant: times in milliseconds. */
export type Grant = z.output<Schemas['grant']>

/** Resources that are planned and not there: named apart, so that nobody looks for a typing mistake. */
const LATER_RESOURCES: ReadonlySet<unknown> = new Set(['random', 'llm', 'kv', 'process'])
export { durationMs } from './schema-fields.ts'

function fieldNames(resource: Resource, inside: readonly PropertyKey[]): string[] {
  const { rate, quota, callQuota, conditions } = fields()
  const { shape } = schemas().kinds[resource]
  if (inside[0] === 'rate') return Object.keys(rate.shape)
  if (inside[0] === 'quota')
    return Object.keys(('bytes' in Object(shape.quota.unwrap().shape) ? quota : callQuota).shape)
  if (inside[0] === 'flow') return Object.keys(conditions.flow.unwrap().shape)
  if (inside[0] === 'args') return constraints().kinds
  return Object.keys(shape)
}

function describe(issue: z.core.$ZodIssue, resource: Resource, value: object): string {
  const field = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
  if (issue.code !== 'unrecognized_keys') {
    if (issue.code !== 'custom') return `${field} ${issue.message}`
    const found = issue.path.reduce<unknown>((at, part) => (at as Record<PropertyKey, unknown>)[part], value)
    return `${field} ${issue.message} (it is ${show(found)})`
  }
  const key = String(issue.keys[0]).slice(0, 60)
  const path = `${field}.${key}`
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
    throw new GrantError(
      `${where} must be an object, it is ${show(value)}${typeof value === 'string' ? ': parseRule makes one of a line' : ''}`,
    )
  }
  const given = (value as { resource?: unknown }).resource
  if (LATER_RESOURCES.has(given)) {
    throw new GrantError(`${where}.resource ${show(given)} is not supported yet; there are: ${RESOURCES.join(', ')}`)
  }
  const resource = RESOURCES.find((one) => one === given)
  if (!resource) throw new GrantError(`${where}.resource must be one of ${RESOURCES.join(', ')} (it is ${show(given)})`)
  if (Object.hasOwn(value, '__proto__')) {
    throw new GrantError(`${where}.__proto__ is not a field of a grant of resource "${resource}"`)
  }
  const parsed = schemas().grant.safeParse(value, { error: explain })
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues
    // A field of the wrong type breaks its other rules, too: the first complaint about it says enough.
    .filter(({ path }, index, all) => all.findIndex((one) => one.path.join() === path.join()) === index)
    .slice(0, 3)
    .map((issue) => `${where}${describe(issue, resource, value)}`)
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
