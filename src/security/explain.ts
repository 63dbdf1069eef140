/** A denial in, which part of the refusing link refused and what that link allows out: for the host's eyes. */
import { formatGrant } from '../../capabilities/format-grant.ts'
import { formatRule, quoteShell } from '../../capabilities/format-rule.ts'
import { parseUrlGlob } from '../../capabilities/glob.ts'
import { parseHostGlob } from '../../capabilities/host-glob.ts'
import { type NetGrant, netShape } from '../../capabilities/net-shape.ts'
import type { Nfa } from '../../capabilities/nfa.ts'
import { runNfa } from '../../capabilities/run-nfa.ts'
import type { Link } from '../../capabilities/tokens/claims.ts'
import { type Denial, GUEST_IMPORT } from '../gate/denials.ts'
import { canonicalRequest } from '../gate/net-request.ts'

/** Lines about what is allowed, at most. */
const LINES = 20

/** The first field that no grant fits any more, of those that fit the fields before. */
function netConstraint(url: string, grants: readonly NetGrant[]): string {
  // A denial has the canonical form of the URL, unless it has none.
  const request = canonicalRequest(url, 'GET')
  if (!request) return 'grants'
  const matches = (patterns: readonly string[], parse: (pattern: string) => Nfa, text: string): boolean =>
    patterns.some((pattern) => runNfa(parse(pattern), text))
  const fields: [string, (grant: NetGrant) => boolean][] = [
    ['hosts', ({ hosts }) => matches(hosts, parseHostGlob, request.host)],
    ['schemes', ({ schemes = ['https'] }) => schemes.includes(request.scheme)],
    ['ports', (grant) => netShape(grant).ports.some(([low, high]) => low <= request.port && request.port <= high)],
    ['paths', ({ paths = ['/**'] }) => matches(paths, parseUrlGlob, request.path)],
  ]
  let fitting = grants
  for (const [field, fits] of fields) {
    fitting = fitting.filter(fits)
    if (fitting.length === 0) return `grants.${field}`
  }
  return 'grants.methods or cidrs'
}

function constraintOf({ reason, operation, resource: asked }: Denial, link: Link, now: number): string {
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
    case 'approval-failed':
    case 'approval-timeout':
      return 'grants.approval'
    case 'argument':
      return 'grants.args'
    default: {
      const same = link.grants.filter((grant) => grant.resource === resource)
      if (same.length === 0) return 'grants'
      if (!same.some((grant) => (grant.actions as readonly string[]).includes(action!))) return 'grants.actions'
      if (resource === 'fs') return 'grants.paths'
      if (resource === 'net') return netConstraint(asked, same as NetGrant[])
      return same.some((grant) => 'names' in grant && grant.names.includes(asked)) ? 'grants.args' : 'grants.names'
    }
  }
}

function remedyOf({ operation, resource, method, allow }: Denial, link: number): string {
  if (operation === GUEST_IMPORT) return allow
  return `a token whose link ${link} allows ${quoteShell(formatRule(operation, resource, method))}`
}

/** @param first the place of the token's root in the program */
export function explainDenial(denial: Denial, links: readonly Link[], first: number, now: number): Denial {
  const link = links[denial.link - first]
  if (!link) return denial
  const resource = denial.operation.split('.')[0]
  const allows = link.grants.filter((grant) => grant.resource === resource).flatMap(formatGrant)
  const token = { jti: link.jti, constraint: constraintOf(denial, link, now), allows: allows.slice(0, LINES) }
  // A grant beside a token narrows it: what would help is another token.
  const allow = denial.reason === 'no-grant' ? remedyOf(denial, denial.link - first) : denial.allow
  return { ...denial, allow, token }
}
