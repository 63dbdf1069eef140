/** A token as a person reads it: who, what, how long, how much is left, and what each link took away. */
import { formatGrant } from '../../capabilities/format-grant.ts'
import type { Link } from '../../capabilities/tokens/claims.ts'
import type { Grant } from '../../capabilities/schema.ts'

/** One link of a report. Times in milliseconds since 1970. */
export type LinkReport = {
  jti: string
  /** Who made it: the issuer of a root, `the bearer of link 0` of a later one. */
  by: string
  /** Whom it was made for, as its maker says. */
  subject?: string
  issuedAt: number
  notBefore?: number
  expires: number
  /** `fs.read /data/**`, one line each. */
  allows: string[]
  /** What its parent allows and it does not. */
  tookAway: string[]
  /** Quotas with what is left; `undefined` where it cannot be known here. */
  quotas: { what: string; initial: number; left?: number }[]
  revoked?: boolean
}

export type TokenReport = {
  audience: string
  /** Links that may still follow; 0 for a sealed token. */
  mayNarrow: number
  /** Whether signatures, times and the list of revoked links were checked, and hold. */
  verified: boolean
  /** Why it would be refused now. */
  problem?: string
  links: LinkReport[]
}

const allowing = ({ grants }: Link): string[] => grants.flatMap(formatGrant)

function quotaLines({ quota, grants }: Link): { what: string; initial: number }[] {
  const of = (what: string, one: { calls?: number | undefined; bytes?: number | undefined } | undefined) =>
    (['calls', 'bytes'] as const).flatMap((kind) =>
      one?.[kind] === undefined ? [] : [{ what: `${kind} of ${what}`, initial: one[kind] }],
    )
  return [
    ...of('the whole token', quota),
    ...grants.flatMap((grant: Grant) => of(formatGrant(grant).join(', '), grant.quota)),
  ]
}

function taken(link: Link, parent: Link | undefined): string[] {
  if (!parent) return []
  const mine = new Set(allowing(link))
  const lost = allowing(parent).filter((line) => !mine.has(line))
  const hours = (parent.expires - link.expires) / 3_600_000
  const time =
    hours > 0
      ? [`the last ${hours < 1 ? `${Math.ceil(hours * 60)} minutes` : `${Math.round(hours * 10) / 10} hours`}`]
      : []
  const quota =
    link.quota?.calls !== undefined && link.quota.calls !== parent.quota?.calls
      ? [`all but ${link.quota.calls} calls`]
      : []
  return [...lost, ...time, ...quota]
}

/** What can be said of links by themselves. */
export function reportLinks(links: readonly Link[]): LinkReport[] {
  return links.map((link, index) => ({
    jti: link.jti,
    by: index === 0 ? link.issuer : `the bearer of link ${index - 1}`,
    ...(link.subject === undefined ? {} : { subject: link.subject }),
    issuedAt: link.issuedAt,
    ...(link.notBefore === undefined ? {} : { notBefore: link.notBefore }),
    expires: link.expires,
    allows: allowing(link),
    tookAway: taken(link, links[index - 1]),
    quotas: quotaLines(link),
  }))
}
