/** Headers of wasi:http, as a component puts them together and finds them. */
import { CanonTrap } from '../canon-trap.ts'
import { type Closable, err, ok, type Result } from './definitions.ts'
import { type HeldBytes, Holding } from './held-bytes.ts'
import { TOKEN } from './http-parts.ts'

/** Entries of one collection of headers, and their bytes. */
const MOST_FIELDS = 1_024
const MOST_FIELD_BYTES = 2 ** 18
/** Those that a program may not set: the list of wasmtime, since the interface has none yet (WASI issue 940). */
const FORBIDDEN: ReadonlySet<string> = new Set([
  ...['connection', 'host', 'http2-settings', 'keep-alive', 'proxy-authenticate', 'proxy-authorization'],
  ...['proxy-connection', 'transfer-encoding', 'upgrade'],
])

export type Entry = readonly [name: string, value: Uint8Array]

/** What an entry takes beside its name and value. */
const ENTRY_BYTES = 64

function bytesOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, [name, value]) => sum + ENTRY_BYTES + 2 * name.length + value.length, 0)
}

/** Headers. */
export class Fields implements Closable {
  entries: readonly Entry[] = []
  readonly #isFixed: boolean
  readonly #holding: Holding

  /** @throws CanonTrap when the component holds too much already */
  constructor(held: HeldBytes, entries: readonly Entry[] = [], isFixed = false) {
    this.#holding = new Holding(held)
    if (!this.#holding.resize(bytesOf(entries))) throw new CanonTrap('it holds more headers than it may')
    this.entries = entries
    this.#isFixed = isFixed
  }

  close(): void {
    this.#holding.resize(0)
  }

  get(name: string): Uint8Array[] {
    const lower = name.toLowerCase()
    return this.entries.flatMap(([one, value]) => (one.toLowerCase() === lower ? [value] : []))
  }

  /** Changes the headers. @param name whose values go, and `added` come instead */
  change(name: string, added: readonly Uint8Array[], keeps: boolean): Result {
    if (this.#isFixed) return err({ tag: 'immutable' })
    const isText = added.every((value) => value.every((byte) => byte === 9 || (byte >= 32 && byte !== 127)))
    if (!TOKEN.test(name) || !isText) return err({ tag: 'invalid-syntax' })
    const lower = name.toLowerCase()
    if (added.length > 0 && FORBIDDEN.has(lower)) return err({ tag: 'forbidden' })
    const kept = keeps ? this.entries : this.entries.filter(([one]) => one.toLowerCase() !== lower)
    // One name has one spelling, the first.
    const [spelled] = kept.find(([one]) => one.toLowerCase() === lower) ?? [name]
    const entries = [...kept, ...added.map((value): Entry => [spelled, value])]
    const bytes = bytesOf(entries)
    const fits = entries.length <= MOST_FIELDS && bytes <= MOST_FIELD_BYTES && this.#holding.resize(bytes)
    if (!fits) return err({ tag: 'forbidden' })
    this.entries = entries
    return ok()
  }
}
