/** A secret that an answer repeats is blotted out: bytes in, the same number of bytes out, however they are cut. */

const BLOT = 0x2a

function startsAt(bytes: Uint8Array, at: number, secret: Uint8Array): boolean {
  return secret.every((byte, index) => bytes[at + index] === byte)
}

/** Blots out secrets in a stream of bytes. */
export class Redactor {
  readonly #secrets: readonly Uint8Array[]
  readonly #longest: number
  /** What may be the beginning of a secret; and where what was blotted already ends. */
  #held: Uint8Array = new Uint8Array(0)

  constructor(values: readonly string[]) {
    this.#secrets = values.filter((value) => value !== '').map((value) => new TextEncoder().encode(value))
    this.#longest = Math.max(0, ...this.#secrets.map((secret) => secret.length))
  }

  /** @returns what is surely no beginning of a secret, of all that came */
  push(chunk: Uint8Array): Uint8Array {
    if (this.#longest === 0) return chunk
    const all = new Uint8Array(this.#held.length + chunk.length)
    all.set(this.#held)
    all.set(chunk, this.#held.length)
    this.#blot(all)
    const sure = Math.max(0, all.length - (this.#longest - 1))
    this.#held = all.slice(sure)
    return all.subarray(0, sure)
  }

  /** @returns what was held back */
  end(): Uint8Array {
    const rest = this.#held
    this.#held = new Uint8Array(0)
    return rest
  }

  #blot(bytes: Uint8Array): void {
    for (const secret of this.#secrets)
      for (let at = bytes.indexOf(secret[0]!); at >= 0; at = bytes.indexOf(secret[0]!, at + 1))
        if (startsAt(bytes, at, secret)) bytes.fill(BLOT, at, at + secret.length)
  }

  /** A whole text. */
  text(value: string): string {
    const bytes = new TextEncoder().encode(value)
    this.#blot(bytes)
    return new TextDecoder().decode(bytes)
  }
}
