/** The one coordinator of tokens: makes, narrows, verifies and revokes them, rotates keys, limits callers, vouches for sandboxes, keeps the log. */
import type { ChainLink } from '../../capabilities/compile.ts'
import { type Chain, checkCircumstances, openChain, splitToken } from '../../capabilities/tokens/chain.ts'
import type { Link } from '../../capabilities/tokens/claims.ts'
import { mintRoot } from '../../capabilities/tokens/mint.ts'
import type { TokenAlgorithm } from '../../capabilities/tokens/keys.ts'
import { TokenError } from '../../capabilities/tokens/token-error.ts'
import { TokaError } from '../errors.ts'
import type { HeldToken, TokenAuthority } from '../gate/authority.ts'
import type { Denial } from '../gate/denials.ts'
import { checkGrants, orTokaError } from '../gate/grants.ts'
import { createLedger, type Ledger } from '../gate/ledger.ts'
import { attenuate } from './attenuate.ts'
import { type AuditEvent, AuditLog, type AuditState, type VerifiedLog, verifyAuditLog } from './audit-log.ts'
import { type Caller, Callers } from './callers.ts'
import type { AuthorizeRequest } from './decide.ts'
import { Deciders } from './deciders.ts'
import { Holdings } from './holdings.ts'
import { type CallerRate, Forgetting, takeCallerRate } from './limit.ts'
import { KeyRing, type KeyRecord } from './key-ring.ts'
import type { AttenuateOptions, MintOptions, SecurityOptions } from './options.ts'
import { parseTtl } from './ttl.ts'
import { reportLinks, type TokenReport } from './report.ts'
import { Revocations } from './revocations.ts'
import { linkCells, quotaOf, SharedCells } from './shared-cells.ts'
import { rootKidOf, tokenError, VerifiedTokens } from './verified-tokens.ts'
import { compileLinks } from './compile-links.ts'

export type Decision = { allowed: true } | { allowed: false; denial: Denial }

const HOUR = 3_600_000
/** The longest life that a token may have, whatever a manager is told: so long every manager remembers what was revoked. */
const MOST_TTL_MS = 31 * 24 * HOUR

export class SecurityManager implements TokenAuthority {
  /** Counts what tokens may spend in this process. */
  readonly ledger: Ledger = createLedger()
  readonly #options: SecurityOptions
  readonly #now: () => number
  readonly #keys: KeyRing
  readonly #tokens: VerifiedTokens
  readonly #revocations: Revocations
  readonly #cells: SharedCells
  readonly #holdings: Holdings
  readonly #deciders: Deciders
  readonly #callers: Callers | undefined
  readonly #forgetting: Forgetting
  readonly #log: AuditLog | undefined
  readonly #maxTtlMs: number
  readonly #skewMs: number
  #refreshedAt = Number.NEGATIVE_INFINITY
  /** Roots that sandboxes hold and whose key is gone: it was compromised. */
  #orphans: ReadonlySet<string> = new Set()

  /** @internal Use `createSecurityManager`. */
  constructor(options: SecurityOptions) {
    const {
      clock = { now: () => Date.now() },
      keys,
      store,
      maxTtl = 24 * HOUR,
      skewMs = 30_000,
      pollMs = 250,
    } = options
    this.#options = options
    this.#now = () => clock.now()
    this.#maxTtlMs = parseTtl(maxTtl)
    if (this.#maxTtlMs > MOST_TTL_MS)
      throw new TokaError('TOKA_REQUEST_INVALID', `maxTtl: a token may live 31 days at most, not ${this.#maxTtlMs} ms`)
    this.#skewMs = skewMs
    const life = this.#maxTtlMs + skewMs
    this.#keys = new KeyRing({ store: keys, now: this.#now, overlapMs: life })
    this.#tokens = new VerifiedTokens(({ kid }) => this.#keys.verifier(kid))
    const maxAgeMs = options.revocationsMaxAgeMs
    this.#revocations = new Revocations({
      store,
      keys: this.#keys,
      now: this.#now,
      maxAgeMs,
      keepMs: MOST_TTL_MS + skewMs,
    })
    this.#cells = new SharedCells(this.ledger, store)
    this.#forgetting = new Forgetting(store, skewMs)
    this.#holdings = new Holdings(() => this.#poll(), pollMs)
    this.#deciders = new Deciders((token) => this.#hold(token, { whole: false }), this.ledger, this.#now)
    this.#callers = options.callers && new Callers(options.callers, this.#now, skewMs)
    this.#log = options.audit && new AuditLog(options.audit, () => this.#keys.signer(), options.auditAfter)
  }

  #record(event: Omit<AuditEvent, 'at'>): void {
    this.#log?.add({ at: this.#now(), ...event })
  }

  /**
   * Makes a token.
   * @throws TokaError TOKA_GRANT_INVALID, TOKA_TOKEN_KEYS
   */
  async mint({
    ttl = HOUR,
    grants,
    ...options
  }: MintOptions): Promise<{ token: string; jti: string; expires: number }> {
    const ttlMs = parseTtl(ttl)
    if (ttlMs > this.#maxTtlMs)
      throw new TokaError('TOKA_GRANT_INVALID', `a token may live ${this.#maxTtlMs} ms (maxTtl), not ${ttlMs} ms`)
    const now = this.#now()
    const { issuer = 'toka', audience = 'toka' } = this.#options
    const checked = checkGrants(grants)
    const expires = Math.floor((now + ttlMs) / 1_000) * 1_000
    const signer = await this.#keys.signer()
    const made = await this.#guarded(() =>
      mintRoot({ ...options, issuer, audience, grants: checked, now, expires }, signer),
    )
    compileLinks((await this.#tokens.open(made.token)).links)
    this.#record({
      event: 'mint',
      outcome: 'allowed',
      jti: made.jti,
      ...(options.subject ? { detail: options.subject } : {}),
    })
    return { ...made, expires }
  }

  /**
   * Narrows a token. Its bearer can do that without a manager, too (`attenuate` of this package).
   * @throws TokaError TOKA_TOKEN_INVALID saying where the child would be wider
   */
  async attenuate(token: string, options: AttenuateOptions): Promise<{ token: string; jti: string }> {
    await this.verify(token)
    return attenuate(token, options, { now: this.#now() })
  }

  /** Runs work of the capabilities, with the library's own errors. */
  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw orTokaError(tokenError(error))
    }
  }

  /**
   * Verifies a token: signatures, proofs, audience, times, revocation.
   * @throws TokaError TOKA_TOKEN_INVALID saying which link, and what of it
   */
  async verify(token: string): Promise<{ links: readonly Link[] }> {
    const { links } = await this.#verify(token)
    return { links }
  }

  async #verify(token: string): Promise<Chain> {
    try {
      return await this.#guarded(async () => {
        const chain = await this.#tokens.open(token)
        checkCircumstances(chain, {
          audience: this.#options.audience ?? 'toka',
          now: this.#now(),
          skewMs: this.#skewMs,
        })
        await this.#refresh()
        this.#checkAlive(chain)
        return chain
      })
    } catch (error) {
      this.#record({
        event: 'verify',
        outcome: 'denied',
        detail: error instanceof Error ? error.message : String(error),
      })
      throw error
    }
  }

  #checkAlive({ links }: Chain): void {
    if (this.#revocations.isStale()) throw new TokenError('stale', 'the list of revoked links is too old')
    const index = links.findIndex(({ jti }) => this.#revocations.isRevoked(jti))
    if (index >= 0) throw new TokenError('revoked', `it was revoked (${links[index]!.jti})`, index)
  }

  /** Reads the list of revoked links, unless that was just done. */
  async #refresh(always = false): Promise<void> {
    const now = performance.now()
    const { pollMs = 250 } = this.#options
    if (!always && now - this.#refreshedAt < pollMs) return
    this.#refreshedAt = now
    try {
      await this.#revocations.refresh()
    } finally {
      await this.#spread()
    }
  }

  /** Tells cells and sandboxes what is dead: revoked, or beneath a root whose key is gone. */
  async #spread(): Promise<void> {
    const orphans = new Set<string>()
    for (const { kid, jti } of this.#holdings.roots()) if (!(await this.#keys.verifier(kid))) orphans.add(jti)
    this.#orphans = orphans
    const stale = this.#revocations.isStale()
    const isDead = (jti: string): boolean => this.#revocations.isRevoked(jti) || this.#orphans.has(jti)
    this.#cells.revive((jti) => !stale && !isDead(jti))
    this.#holdings.end(isDead)
  }

  async #poll(): Promise<void> {
    // What cannot be read says nothing: what is in force stays in force, until the list is too old.
    await this.#refresh(true).catch(() => {})
  }

  /** A token as a person reads it. Never throws for a token that is refused: it says why. */
  async inspect(token: string): Promise<TokenReport> {
    const { links, signer } = await this.#guarded(() => openChain(splitToken(token), {}))
    const problem = await this.verify(token).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    const reports = reportLinks(links)
    const cells = linkCells(compileLinks(links), { links, first: 0 })
    for (const [index, report] of reports.entries()) {
      const quotas = cells
        .filter(({ link }) => link === links[index])
        .map(quotaOf)
        .filter((quota) => quota !== undefined)
      report.revoked = this.#revocations.isRevoked(report.jti)
      for (const [place, quota] of quotas.entries()) {
        const line = report.quotas[place]
        if (line && problem === undefined) line.left = await this.#cells.left(quota)
      }
    }
    const last = links.at(-1)!
    return {
      audience: last.audience,
      mayNarrow: signer ? last.maxDepth - last.depth : 0,
      verified: problem === undefined,
      ...(problem === undefined ? {} : { problem }),
      links: reports,
    }
  }

  /**
   * Decides one request by a token, and charges its quotas when it is allowed.
   * @throws TokaError TOKA_TOKEN_INVALID for a token that is refused as a whole
   */
  async authorize({ token, ...request }: AuthorizeRequest & { token: string }): Promise<Decision> {
    const { links } = await this.#verify(token)
    const denial = await this.#deciders.decide(token, request)
    const { operation, resource: detail } = request
    const outcome = denial ? 'denied' : 'allowed'
    this.#record({ event: 'authorize', outcome, operation, detail, jti: links.at(-1)!.jti })
    return denial ? { allowed: false, denial } : { allowed: true }
  }

  /** Revokes a link, and with it everything beneath it, in runs under way too: here at once, elsewhere when the list is read. */
  async revoke(jti: string): Promise<void> {
    if (!/^[A-Za-z0-9_-]{16,64}$/.test(jti))
      throw new TokaError('TOKA_TOKEN_INVALID', `${JSON.stringify(jti.slice(0, 80))} is no jti: see inspect`)
    await this.#guarded(() => this.#revocations.publish(jti))
    await this.#spread()
    this.#record({ event: 'revoke', outcome: 'allowed', jti })
  }

  /** The signed list of revoked links, for managers that do not share the store. */
  exportRevocations(): Promise<string> {
    return this.#guarded(() => this.#revocations.export())
  }

  /**
   * Takes a list that another manager exported.
   * @throws TokaError TOKA_TOKEN_INVALID when no key of ours signed it, or a newer one is known
   */
  async importRevocations(text: string): Promise<void> {
    await this.#guarded(() => this.#revocations.import(text))
    await this.#spread()
  }

  /** Signs the list anew, so that it stays young. */
  async renewRevocations(): Promise<void> {
    await this.#guarded(() => this.#revocations.publish())
    await this.#spread()
  }

  /** The next key signs from now on; the active one verifies for as long as a token of it may live. The first call makes keys. */
  async rotate(options: { alg?: TokenAlgorithm; compromised?: boolean } = {}): Promise<{ kid: string }> {
    await this.#guarded(() => this.#revocations.refresh())
    const { kid } = await this.#keys.rotate(options)
    if (this.#revocations.version > 0) await this.renewRevocations()
    else await this.#spread()
    this.#record({ event: 'rotate', outcome: 'allowed', detail: kid })
    return { kid }
  }

  /** The keys with their states; no private part. */
  keys(): Promise<Awaited<ReturnType<KeyRing['list']>>> {
    return this.#keys.list()
  }

  /** Keys that verify tokens, as records for the `memoryKeys` of another process. */
  async publicKeys(): Promise<KeyRecord[]> {
    return (await this.#keys.list())
      .filter(({ alg, state }) => alg !== 'HS256' && state !== 'gone')
      .map(({ state: _, ...key }) => key)
  }

  /**
   * One call of a caller's rate.
   * @param rate `{ per: '1s', burst: 10 }`: ten a second, evenly refilled
   * @throws TokaError TOKA_REQUEST_INVALID for a rate that is none
   */
  async limit(caller: string, rate: CallerRate): Promise<{ allowed: boolean; retryAfterMs: number }> {
    const now = this.#now()
    await this.#forgetting.pass(now)
    const answer = await takeCallerRate(this.#options.store, caller, rate, now)
    if (!answer.allowed) this.#record({ event: 'limit', outcome: 'denied', detail: caller })
    return answer
  }

  /**
   * Authenticates a caller by a JWT of the identity provider in `callers`.
   * @throws TokaError TOKA_CALLER_INVALID
   */
  async authenticate(jwt: string): Promise<Caller> {
    if (!this.#callers) throw new TokaError('TOKA_CALLER_INVALID', 'the manager was made without `callers`')
    try {
      const caller = await this.#callers.authenticate(jwt)
      this.#record({ event: 'authenticate', outcome: 'allowed', detail: caller.subject })
      return caller
    } catch (error) {
      this.#record({ event: 'authenticate', outcome: 'denied', detail: error instanceof Error ? error.message : '' })
      throw error
    }
  }

  hold(token: string, options: { grants?: unknown; whole: boolean }): Promise<HeldToken> {
    return this.#hold(token, options)
  }

  async #hold(token: string, { grants, whole }: { grants?: unknown; whole: boolean }): Promise<HeldToken> {
    const { links } = await this.#verify(token)
    await this.#forgetting.pass(this.#now())
    const own: ChainLink[] = grants === undefined ? [] : [{ grants: checkGrants(grants) }]
    const program = compileLinks(links, own)
    const placement = { links, first: own.length }
    const { account, names } = await this.#cells.open(program, placement, whole, (jti) =>
      this.#revocations.isRevoked(jti),
    )
    const topUp = whole ? undefined : (kind?: 'bytes') => this.#cells.topUp(names, kind)
    return this.#holdings.add({
      policy: { program, account, topUp },
      placement,
      rootKid: rootKidOf(token),
      now: this.#now,
      record: (event) => this.#record(event),
      release: () => this.#cells.leave(names),
    })
  }

  /**
   * Verifies a log that this manager's keys signed, those that are gone too.
   * @throws TokaError TOKA_AUDIT_INVALID saying where it breaks
   */
  verifyAudit(bytes: Uint8Array): Promise<VerifiedLog> {
    return verifyAuditLog(bytes, (kid) => this.#keys.everKnown(kid))
  }

  /** Where the log stands; undefined without one. */
  get auditState(): AuditState | undefined {
    return this.#log?.state
  }

  /** Writes what waits of the log, and signs its head. */
  async flushAudit(): Promise<AuditState | undefined> {
    return this.#log?.flush()
  }

  /** Gives back what was leased, and closes the store. Sandboxes that hold tokens should be disposed before. */
  async close(): Promise<void> {
    await this.#deciders.close()
    this.#holdings.close()
    try {
      await this.#log?.flush()
    } finally {
      await this.#options.audit?.close?.()
      await this.#options.store.close()
    }
  }
}

/**
 * Makes a security manager.
 * @example
 * const security = createSecurityManager({ keys: memoryKeys(), store: memoryStore() })
 * await security.rotate()
 * const { token } = await security.mint({ grants: [parseRule('fs.read=/data/**')], ttl: '1h' })
 */
export function createSecurityManager(options: SecurityOptions): SecurityManager {
  return new SecurityManager(options)
}
