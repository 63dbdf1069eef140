/** Which links are revoked, as far as this process knows: read from the store, signed again when one is added, too old after a while. */
import type { KeyRing } from './key-ring.ts'
import { NO_REVOCATIONS, nextList, openList, type RevocationList, signList } from './revocation-list.ts'
import type { SecurityStore } from './store.ts'
import { TokaError } from '../errors.ts'

const TRIES = 20

function tooManyWriters(): TokaError {
  return new TokaError('TOKA_INTERNAL', 'other processes change the list of revoked links all the time')
}

export type RevocationOptions = {
  store: SecurityStore
  keys: KeyRing
  now: () => number
  /** Milliseconds after which a list is too old to say that a link is alive; undefined: never. */
  maxAgeMs: number | undefined
  /** How long after it is revoked a link must stay on the list: the longest life that a token of any manager may have. */
  keepMs: number
}

export class Revocations {
  readonly #options: RevocationOptions
  #list: RevocationList = NO_REVOCATIONS
  #revoked = new Set<string>()

  constructor(options: RevocationOptions) {
    this.#options = options
  }

  get version(): number {
    return this.#list.version
  }

  isRevoked(jti: string): boolean {
    return this.#revoked.has(jti)
  }

  /** Whether the list is too old to trust. */
  isStale(): boolean {
    const { maxAgeMs, now } = this.#options
    return maxAgeMs !== undefined && now() - this.#list.at > maxAgeMs
  }

  #take(list: RevocationList): boolean {
    if (list.version < this.#list.version)
      throw new TokaError(
        'TOKA_TOKEN_INVALID',
        `the list of revoked links has version ${list.version}, and version ${this.#list.version} is known`,
      )
    if (list.version === this.#list.version) return false
    this.#list = list
    this.#revoked = new Set(list.revoked.map(([jti]) => jti))
    return true
  }

  /**
   * Reads the newest list. Answers whether it is a new one.
   * @throws TokenError when it was not signed by a key of ours; TokaError TOKA_TOKEN_INVALID when it is older than known
   */
  async refresh(): Promise<boolean> {
    const { store, keys } = this.#options
    const stored = await store.readList()
    if (!stored || stored.version === this.#list.version) return false
    return this.#take(await openList(stored.text, (kid) => keys.verifier(kid)))
  }

  /** Puts a link on the list, or only signs the list anew. */
  async publish(jti?: string): Promise<void> {
    const { store, keys, now, keepMs } = this.#options
    for (let tries = 0; tries < TRIES; tries++) {
      await this.refresh()
      const list = nextList(this.#list, now(), jti === undefined ? undefined : [jti, now() + keepMs])
      const text = await signList(list, await keys.signer())
      if (await store.writeList(list.version, text, list.version - 1)) {
        this.#take(list)
        return
      }
    }
    throw tooManyWriters()
  }

  /** The signed list as it is stored, for processes that share no store. */
  async export(): Promise<string> {
    await this.refresh()
    const stored = await this.#options.store.readList()
    if (stored) return stored.text
    await this.publish()
    return (await this.#options.store.readList())!.text
  }

  /**
   * Takes a signed list of another process, and keeps it: a restart must not forget it.
   * @throws TokenError, TokaError as `refresh`
   */
  async import(text: string): Promise<void> {
    const { store, keys } = this.#options
    const list = await openList(text, (kid) => keys.verifier(kid))
    for (let tries = 0; tries < TRIES; tries++) {
      const over = (await store.readList())?.version ?? 0
      if (over < list.version && !(await store.writeList(list.version, text, over))) continue
      await this.refresh()
      this.#take(list)
      return
    }
    throw tooManyWriters()
  }
}
