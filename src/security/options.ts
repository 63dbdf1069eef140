/** What a security manager, a new token and a narrower one are made of. */
import type { GrantInput } from '../../capabilities/schema.ts'
import type { AuditSink } from './audit-log.ts'
import type { CallerOptions } from './callers.ts'
import type { KeyStore } from './key-ring.ts'
import type { SecurityStore } from './store.ts'

export type SecurityOptions = {
  keys: KeyStore
  store: SecurityStore
  /** Default: the host's. */
  clock?: { now(): number }
  /** What tokens of this manager are for, and must be for; default `toka`. */
  audience?: string
  /** Its name in the tokens that it makes; default `toka`. */
  issuer?: string
  /** The longest life of a token; default 24 h. */
  maxTtl?: number | string
  /** How far clocks may differ, in milliseconds; default 30,000. */
  skewMs?: number
  /** Milliseconds after which the list of revoked links is too old: every token is refused until there is a newer one. */
  revocationsMaxAgeMs?: number
  /** How often the list is read anew while sandboxes hold tokens, in milliseconds; default 250. */
  pollMs?: number
  /** How callers authenticate. */
  callers?: CallerOptions
  /** Where the log goes; default: nowhere. */
  audit?: AuditSink
  /** Where an earlier log ended (`verifyAuditLog`), to go on with it; what `audit.before` asks for. */
  auditAfter?: { head: Uint8Array; records: number }
}

/** What a new token shall allow. Times in milliseconds since 1970. */
export type MintOptions = {
  grants: GrantInput[]
  /** How long it lives: milliseconds, or such as `15m`; default 1 h. */
  ttl?: number | string
  /** Whom it is for, as its reader shall see. */
  subject?: string
  /** Calls and bytes of all grants together. */
  quota?: { calls?: number; bytes?: number }
  notBefore?: number
  /** How many times it may be narrowed, one beneath the other: 0 to 7, the default. */
  maxDepth?: number
}

export type AttenuateOptions = Partial<MintOptions> & {
  /** Whether the new token can be narrowed no further. */
  seal?: boolean
}
