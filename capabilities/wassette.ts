/**
 * A policy file of Wassette (github.com/microsoft/policy-mcp, version 1.0) in, grants out.
 *
 * What it has and grants have not (denials beside permissions, the built-in list of hosts, limits of the runtime) is
 * refused: leaving a restriction out would allow more than the file says.
 */
import * as z from 'zod'
import { explain } from './explain.ts'
import { GrantError } from './grant-error.ts'
import { METHODS } from './methods.ts'
import { type Grant, parseGrants } from './schema.ts'
import { parseYaml } from './yaml.ts'

const storage = z.strictObject({
  uri: z.string().startsWith('fs://', 'must begin with "fs://"'),
  access: z.array(z.enum(['read', 'write'])).min(1),
})
const network = z.union(
  [z.strictObject({ host: z.string() }), z.strictObject({ cidr: z.string() })],
  'must be { host } or { cidr }',
)
const variable = z.strictObject({ key: z.string() })
const allow = <T extends z.ZodType>(item: T) =>
  z
    .strictObject({ allow: z.array(item).nullable().optional() })
    .nullable()
    .optional()

const schema = z.strictObject({
  $schema: z.string().optional(),
  version: z.literal(['1.0', 1]),
  description: z.string().optional(),
  permissions: z
    .strictObject({ storage: allow(storage), network: allow(network), environment: allow(variable) })
    .nullable()
    .optional(),
})

/** `fs://work/agent/**` is `/work/agent/**`; a path without a pattern is a directory, with all that is beneath it. */
function pathOf(uri: string): string {
  const path = `/${uri.slice('fs://'.length).replace(/^\/+|\/+$/g, '')}`
  if (/[*?[{]/.test(path)) return path
  return path === '/' ? '/**' : `${path}/**`
}

/** A host, or a URL of nothing but a place. Taken apart here: of `*` in a host the engines' own URL make different things. */
const PLACE = /^(?:(https?):\/\/)?(\[[^\]]+\]|[^/:?#@[\]]+)(?::(\d+))?(\/[^?#]*)?$/

/** A host may be given as a URL: its scheme, port and path count then. Wassette knows no methods. */
function requests(given: string): object {
  const [, scheme, host, port, path = '/'] = PLACE.exec(given) ?? []
  const place = path.replace(/\/$/, '')
  if (host === undefined || (place !== '' && scheme === undefined))
    throw new GrantError(`host ${JSON.stringify(given)} must be a host, or a scheme, a host, a port and a path at most`)
  return {
    hosts: [host],
    schemes: scheme === undefined ? ['https', 'http'] : [scheme],
    methods: [...METHODS],
    ...(port === undefined ? {} : { ports: [Number(port)] }),
    ...(place === '' ? {} : { paths: [`${place}/**`] }),
  }
}

/**
 * Reads a policy.
 * @throws GrantError naming what cannot be read, or cannot be said in grants
 */
export function importWassette(text: string): Grant[] {
  const parsed = schema.safeParse(parseYaml(text), { error: explain })
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    const keys =
      issue.code === 'unrecognized_keys' ? `: ${issue.keys.join(', ')} cannot be said in grants` : `: ${issue.message}`
    throw new GrantError(`the policy's ${issue.path.join('.') || 'top'}${keys}`)
  }
  const { storage, network, environment } = parsed.data.permissions ?? {}
  return parseGrants([
    ...(storage?.allow ?? []).map(({ uri, access }) => ({
      resource: 'fs',
      actions: [...new Set(access)],
      paths: [pathOf(uri)],
    })),
    ...(network?.allow ?? []).map((one) =>
      'host' in one
        ? { resource: 'net', actions: ['fetch'], ...requests(one.host) }
        : {
            resource: 'net',
            actions: ['fetch'],
            hosts: ['**'],
            schemes: ['https', 'http'],
            methods: [...METHODS],
            cidrs: [one.cidr],
          },
    ),
    ...(environment?.allow ?? []).map(({ key }) => ({ resource: 'env', actions: ['read'], names: [key] })),
  ])
}
