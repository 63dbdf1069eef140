/** A denial in, which part of the refusing link refused and what that link allows out: for the host's eyes. */
import { formatGrant } from '../../capabilities/format-grant.ts'
import type { Link } from '../../capabilities/tokens/claims.ts'
import type { Denial } from '../gate/denials.ts'

/** Lines about what is allowed, at most. */
const LINES = 20

function constraintOf({ reason, operation }: Denial, link: Link, now: number): string {
  const [resource, action] = operation.split('.')
  switch (reason) {
    case 'expired':
      return link.expires <= now ? 'exp' : 'grants.expires'
    case 'not-yet':
      return 'notBefore'
    case 'revoked':
      return 'jti'
    case 'rate':
      return 'grants.rate'
    case 'quota':
      return link.quota ? 'quota' : 'grants.quota'
    case 'flow':
      return 'grants.flow.forbiddenAfter'
    case 'approval':
      return 'grants.approval'
    default: {
      const same = link.grants.filter((grant) => grant.resource === resource)
      if (same.length === 0) return 'grants'
      if (!same.some((grant) => (grant.actions as readonly string[]).includes(action!))) return 'grants.actions'
      if (resource === 'fs') return 'grants.paths'
      return resource === 'net' ? 'grants.hosts, ports, paths, methods or cidrs' : 'grants.names or args'
    }
  }
}

/** @param first the place of the token's root in the program */
export function explainDenial(denial: Denial, links: readonly Link[], first: number, now: number): Denial {
  const link = links[denial.link - first]
  if (!link) return denial
  const resource = denial.operation.split('.')[0]
  const allows = link.grants.filter((grant) => grant.resource === resource).flatMap(formatGrant)
  return {
    ...denial,
    token: { jti: link.jti, constraint: constraintOf(denial, link, now), allows: allows.slice(0, LINES) },
  }
}
