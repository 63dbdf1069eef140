/** A grant in, lines that a person reads out: one for each thing that it allows. */
import type { Constraint } from './arguments.ts'
import type { Grant } from './schema.ts'

function conditionsOf(grant: Grant): string {
  const parts: string[] = []
  if (grant.rate) parts.push(`${grant.rate.burst} in ${grant.rate.per}`)
  if (grant.notBefore !== undefined) parts.push(`from ${new Date(grant.notBefore).toISOString()}`)
  if (grant.expires !== undefined) parts.push(`until ${new Date(grant.expires).toISOString()}`)
  if ('approval' in grant && grant.approval) parts.push('each call approved')
  if (grant.flow?.raises) parts.push('is a secret')
  if (grant.flow?.forbiddenAfter) parts.push('not after a secret was read')
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

function kindText({ any, min, max, ...others }: Constraint): string {
  if (any) return 'anything'
  if (min !== undefined || max !== undefined) return `${min ?? '-∞'}..${max ?? '∞'}`
  return Object.entries(others)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
    .join()
}

/** What an argument must be, such as `1..100`. */
export function constraintText({ optional, ...kind }: Constraint): string {
  return optional ? `${kindText(kind)} or none` : kindText(kind)
}

function targets(grant: Grant): string[] {
  switch (grant.resource) {
    case 'fs':
      return grant.paths
    case 'net': {
      const methods = grant.methods ? `${grant.methods.join(',')} ` : ''
      const ports = grant.ports ? `:${grant.ports.join(',')}` : ''
      const within = grant.cidrs ? ` in ${grant.cidrs.join(', ')}` : ''
      const scheme = (grant.schemes ?? ['https']).join('|')
      return grant.hosts.flatMap((host) =>
        (grant.paths ?? ['/**']).map((path) => `${methods}${scheme}://${host}${ports}${path}${within}`),
      )
    }
    case 'tool': {
      const args = Object.entries(grant.args ?? {}).map(([name, one]) => `${name}: ${constraintText(one)}`)
      return grant.names.map((name) => (grant.args ? `${name}({ ${args.join('; ')} })` : name))
    }
    case 'env':
      return grant.names
    case 'clock':
      return ['at full resolution']
  }
}

/** Such as `fs.read /data/**`. */
export function formatGrant(grant: Grant): string[] {
  const conditions = conditionsOf(grant)
  return grant.actions.flatMap((action) =>
    targets(grant).map((target) => `${grant.resource}.${action} ${target}${conditions}`),
  )
}
