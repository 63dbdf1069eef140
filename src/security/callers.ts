/** Who calls: a JWT of an identity provider in, the caller out. Keys come from a set that is given, or fetched and kept. */
import { splitJws, verifyJws } from '../../capabilities/tokens/jws.ts'
import {
  type Algorithm,
  CALLER_ALGORITHMS,
  importVerifyingKey,
  type Jwk,
  type VerifyingKey,
} from '../../capabilities/tokens/keys.ts'
import { parseStrictJson } from '../../capabilities/tokens/strict-json.ts'
import { TokenError } from '../../capabilities/tokens/token-error.ts'
import { TokaError } from '../errors.ts'

export type KeySet = { keys: readonly Jwk[] }

export type CallerOptions = {
  /** `iss` that a caller's JWT must have. */
  issuer: string
  /** `aud` that it must have, or have among others. */
  audience: string
  /**
   * A key set, or what fetches one (`urlKeys`, `fileKeys`): asked again when a key is not known, at most once in
   * `refetchMs`, and when the set is older than `maxAgeMs`. So keys may be added and withdrawn.
   */
  keys: KeySet | (() => Promise<KeySet>)
  /** Algorithms that are accepted; default: all but HS256, whose key is a secret of both sides. */
  algorithms?: readonly Algorithm[]
  /** `typ` that it must have, such as `at+jwt` (RFC 9068); default: `JWT`, or none. */
  type?: string
  /** Default 30,000. */
  refetchMs?: number
  /** Milliseconds for which a set is believed; default 600,000. Older ones are fetched anew, or nobody is let in. */
  maxAgeMs?: number
}

/** A caller who is who the JWT says. */
export type Caller = { subject: string; issuer: string; claims: Readonly<Record<string, unknown>>; expires: number }

const REFETCH_MS = 30_000
const MAX_AGE_MS = 600_000

function refuse(message: string): never {
  throw new TokaError('TOKA_CALLER_INVALID', message)
}

/** The algorithm of a key: what it says, or the only one that its kind has. */
function algorithmsOf({ kty, crv, alg }: Jwk): readonly Algorithm[] {
  if (alg !== undefined) return CALLER_ALGORITHMS.filter((known) => known === alg)
  if (kty === 'OKP') return ['EdDSA', 'Ed25519']
  if (kty === 'EC') return crv === 'P-256' ? ['ES256'] : crv === 'P-384' ? ['ES384'] : ['ES512']
  return kty === 'oct' ? ['HS256'] : ['RS256']
}

export class Callers {
  readonly #options: CallerOptions
  readonly #now: () => number
  readonly #skewMs: number
  #keys: KeySet | undefined
  /** When it was last asked for, and when it last came. */
  #askedAt = Number.NEGATIVE_INFINITY
  #readAt = Number.NEGATIVE_INFINITY
  #fetching: Promise<KeySet> | undefined

  constructor(options: CallerOptions, now: () => number, skewMs: number) {
    this.#options = options
    this.#now = now
    this.#skewMs = skewMs
    if (typeof options.keys !== 'function') this.#keys = options.keys
  }

  /**
   * Authenticates a caller.
   * @throws TokaError TOKA_CALLER_INVALID
   */
  async authenticate(jwt: string): Promise<Caller> {
    let claims: unknown
    try {
      const { header } = splitJws(jwt)
      this.#checkType(header.typ)
      const { payload } = await verifyJws(jwt, undefined, ({ alg, kid }) => this.#key(alg, kid))
      claims = parseStrictJson(payload)
    } catch (error) {
      if (error instanceof TokenError) refuse(`the caller's JWT is refused: ${error.message}`)
      throw error
    }
    return this.#check(claims)
  }

  #checkType(typ: string | undefined): void {
    const { type } = this.#options
    const found = typ?.toLowerCase().replace(/^application\//, '')
    const fits = type === undefined ? found === undefined || found === 'jwt' : found === type.toLowerCase()
    if (!fits)
      refuse(`the caller's JWT has the typ ${JSON.stringify(typ ?? null)}, not ${JSON.stringify(type ?? 'JWT')}`)
  }

  async #key(alg: Algorithm, kid: string | undefined): Promise<VerifyingKey | undefined> {
    const allowed = this.#options.algorithms ?? CALLER_ALGORITHMS.filter((known) => known !== 'HS256')
    if (!allowed.includes(alg)) refuse(`the caller's JWT is signed with ${alg}, which is not accepted`)
    const find = (set: KeySet | undefined): Jwk | undefined => {
      const fitting = (set?.keys ?? []).filter((key) => algorithmsOf(key).includes(alg) && key.use !== 'enc')
      const named = fitting.filter((key) => (kid === undefined ? true : key.kid === kid))
      return named.length === 1 ? named[0] : undefined
    }
    const key = find(this.#believed()) ?? find(await this.#fetch())
    return key && importVerifyingKey({ ...key, alg }, alg)
  }

  /** The set as it is known, unless it is too old: a key may have been withdrawn since. */
  #believed(): KeySet | undefined {
    const { keys, maxAgeMs = MAX_AGE_MS } = this.#options
    return typeof keys !== 'function' || this.#now() - this.#readAt < maxAgeMs ? this.#keys : undefined
  }

  /** The set anew, unless it was asked for just now: a stranger's key names must not make us ask all the time. */
  async #fetch(): Promise<KeySet | undefined> {
    const { keys, refetchMs = REFETCH_MS } = this.#options
    if (typeof keys !== 'function') return undefined
    if (this.#fetching) return this.#fetching
    if (this.#now() - this.#askedAt < refetchMs) return this.#believed()
    this.#askedAt = this.#now()
    this.#fetching = keys()
    try {
      const set = await this.#fetching
      if (!Array.isArray(set?.keys)) refuse('the key set of callers is no JSON Web Key Set')
      this.#keys = set
      this.#readAt = this.#now()
      return set
    } finally {
      this.#fetching = undefined
    }
  }

  #check(claims: unknown): Caller {
    if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) refuse("the caller's JWT has no claims")
    const { iss, aud, sub, exp, nbf, iat } = claims as Record<string, unknown>
    const { issuer, audience } = this.#options
    if (iss !== issuer) refuse(`the caller's JWT is of the issuer ${JSON.stringify(String(iss).slice(0, 100))}`)
    if (!(aud === audience || (Array.isArray(aud) && aud.includes(audience))))
      refuse("the caller's JWT is for another audience")
    if (typeof sub !== 'string' || sub === '') refuse("the caller's JWT names no subject")
    const now = this.#now()
    if (typeof exp !== 'number' || !(now < exp * 1_000 + this.#skewMs))
      refuse("the caller's JWT has expired, or never does")
    for (const begin of [nbf, iat])
      if (begin !== undefined && !(typeof begin === 'number' && begin * 1_000 <= now + this.#skewMs))
        refuse("the caller's JWT is not valid yet")
    return { subject: sub, issuer, claims: Object.freeze({ ...claims }), expires: exp * 1_000 }
  }
}
