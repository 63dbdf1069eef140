/**
 * The issuer's keys: the next one, the active one that signs, retiring ones that still verify, and those that are gone.
 *
 * A key that retires verifies for the longest life of a token, and the difference between clocks, and the time that other
 * processes may still sign with it: so rotation refuses no token that is alive. What is gone verifies nothing.
 */
import {
  generateJwk,
  importSigningKey,
  importVerifyingKey,
  type Jwk,
  publicJwk,
  type SigningKey,
  type TokenAlgorithm,
  type VerifyingKey,
} from '../../capabilities/tokens/keys.ts'
import { encodeBase64url } from '../../capabilities/tokens/base64url.ts'
import { TokaError } from '../errors.ts'
import type { MaybePromise } from '../kernel/host-port.ts'

/** One key. Times in milliseconds since 1970. A key without `activeFrom` is the next one. */
export type KeyRecord = {
  kid: string
  alg: TokenAlgorithm
  /** Private, or public where this process only verifies. */
  jwk: Jwk
  madeAt: number
  activeFrom?: number
  retiredAt?: number
  /** From here on it verifies nothing. */
  goneAt?: number
}

export type KeyState = 'next' | 'active' | 'retiring' | 'gone'

export interface KeyStore {
  load(): MaybePromise<{ version: number; keys: readonly KeyRecord[] }>
  /** Replaces the keys. False when another process was faster: `version` must be one more than stored. */
  save(version: number, keys: readonly KeyRecord[]): MaybePromise<boolean>
}

/** Keys that live as long as the process. */
export function memoryKeys(keys: readonly KeyRecord[] = []): KeyStore {
  let stored = { version: keys.length > 0 ? 1 : 0, keys }
  return {
    load: () => stored,
    save: (version, next) => {
      if (version !== stored.version + 1) return false
      stored = { version, keys: next }
      return true
    },
  }
}

export function keyState({ activeFrom, retiredAt, goneAt }: KeyRecord, now: number): KeyState {
  if (goneAt !== undefined && now >= goneAt) return 'gone'
  if (activeFrom === undefined) return 'next'
  return retiredAt === undefined ? 'active' : 'retiring'
}

/** How long keys that were read count as the newest, in milliseconds. */
const FRESH_MS = 1_000
const TRIES = 10
/** Keys that are remembered: logs that older ones signed can no longer be verified. */
const KEPT = 256

async function makeKey(now: number, alg: TokenAlgorithm | undefined): Promise<KeyRecord> {
  const made = await generateJwk(alg)
  return { kid: encodeBase64url(crypto.getRandomValues(new Uint8Array(9))), ...made, madeAt: now }
}

/** What is gone signs nothing: its private half, or a shared secret, is not kept. */
function withoutSecret(key: KeyRecord): KeyRecord[] {
  return key.alg === 'HS256' ? [] : [{ ...key, jwk: publicJwk(key.jwk) }]
}

export type KeyRingOptions = { store: KeyStore; now: () => number; overlapMs: number }

export class KeyRing {
  readonly #store: KeyStore
  readonly #now: () => number
  readonly #overlapMs: number
  readonly #verifying = new Map<string, Promise<VerifyingKey>>()
  readonly #signing = new Map<string, Promise<SigningKey>>()
  #keys: readonly KeyRecord[] = []
  #version = 0
  #readAt = Number.NEGATIVE_INFINITY

  /** @param options `overlapMs`: longest life of a token, and the difference between clocks */
  constructor({ store, now, overlapMs }: KeyRingOptions) {
    this.#store = store
    this.#now = now
    this.#overlapMs = overlapMs + FRESH_MS
  }

  async #read(always = false): Promise<readonly KeyRecord[]> {
    const now = performance.now()
    if (!always && now - this.#readAt < FRESH_MS) return this.#keys
    const { version, keys } = await this.#store.load()
    // A version never goes back: what was gone stays gone.
    if (version < this.#version) throw new TokaError('TOKA_TOKEN_KEYS', 'the keys are older than those read before')
    this.#keys = keys
    this.#version = version
    this.#readAt = now
    return keys
  }

  /** All keys with their states, without their private parts. */
  async list(): Promise<(Omit<KeyRecord, 'jwk'> & { state: KeyState; jwk: Jwk })[]> {
    const now = this.#now()
    return (await this.#read(true)).map((key) => ({
      ...key,
      jwk: key.alg === 'HS256' ? { kty: 'oct' } : publicJwk(key.jwk),
      state: keyState(key, now),
    }))
  }

  /**
   * The key that signs now.
   * @throws TokaError TOKA_TOKEN_KEYS when there is none
   */
  async signer(): Promise<SigningKey & { kid: string }> {
    const now = this.#now()
    const active = (await this.#read()).find((key) => keyState(key, now) === 'active')
    if (!active)
      throw new TokaError('TOKA_TOKEN_KEYS', 'there is no active key: make one with rotate(), or `toka keys init`')
    if (active.jwk.d === undefined && active.jwk.k === undefined)
      throw new TokaError('TOKA_TOKEN_KEYS', 'the active key is public: tokens can be verified here, not made')
    const known = this.#signing.get(active.kid) ?? importSigningKey(active.jwk, active.alg)
    this.#signing.set(active.kid, known)
    return { ...(await known), kid: active.kid }
  }

  /** The key of a name, unless it is gone. A name that is not known is looked for once more, where it might be new. */
  async verifier(kid: string | undefined): Promise<VerifyingKey | undefined> {
    const usable = ({ kid: name, ...key }: KeyRecord) =>
      name === kid && keyState({ kid: name, ...key }, this.#now()) !== 'gone'
    const record = (await this.#read()).find(usable)
    if (!record) return undefined
    const known = this.#verifying.get(record.kid) ?? importVerifyingKey(record.jwk, record.alg)
    this.#verifying.set(record.kid, known)
    return known
  }

  /** The key of a name, even one that is gone: what it signed long ago, and keeps, is still read. */
  async everKnown(kid: string | undefined): Promise<VerifyingKey | undefined> {
    const record = (await this.#read()).find((key) => key.kid === kid)
    return record && importVerifyingKey(record.jwk, record.alg)
  }

  /**
   * The next key becomes active, the active one retires, of those that are gone the public half stays. The first time it makes both.
   * @param compromised somebody else may have the keys: none of them verifies anything from now on, and none that was kept
   *   with them signs. Every token is dead
   */
  async rotate({ alg, compromised = false }: { alg?: TokenAlgorithm; compromised?: boolean } = {}): Promise<KeyRecord> {
    for (let tries = 0; tries < TRIES; tries++) {
      const now = this.#now()
      const keys = await this.#read(true)
      const kept = keys.slice(-KEPT).flatMap((key) => (keyState(key, now) === 'gone' ? withoutSecret(key) : [key]))
      const waiting = compromised ? undefined : kept.find((key) => keyState(key, now) === 'next')
      const next = waiting ?? (await makeKey(now, alg))
      const active: KeyRecord = { ...next, activeFrom: now }
      const others = kept
        .filter(({ kid }) => kid !== next.kid)
        .map((key): KeyRecord => {
          const state = keyState(key, now)
          if (compromised && state !== 'gone') return { ...key, retiredAt: key.retiredAt ?? now, goneAt: now }
          return state === 'active' ? { ...key, retiredAt: now, goneAt: now + this.#overlapMs } : key
        })
      if (await this.#store.save(this.#version + 1, [...others, active, await makeKey(now, alg)])) {
        await this.#read(true)
        return active
      }
    }
    throw new TokaError('TOKA_TOKEN_KEYS', 'other processes change the keys all the time')
  }
}
