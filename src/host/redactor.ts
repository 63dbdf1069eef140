/** A secret that an answer repeats is blotted out: bytes in, the same number of bytes out, however they are cut. */

const BLOT = 0x2a
/** Letters of a part of a secret that is one by itself: fewer would blot out words. */
const PART = 8

/**
 * What of a header's value a server may repeat: the whole, what follows its scheme (RFC 9110, section 11.4), and of `Basic`
 * what it stands for, and the password in that (RFC 7617).
 */
function formsOf(value: string): string[] {
  const [scheme = '', ...rest] = value.trim().split(/\s+/)
  const plain = scheme.toLowerCase() === 'basic' ? decodedBase64(rest[0] ?? '') : ''
  const parts = [...rest, rest.join(' '), plain, plain.slice(plain.indexOf(':') + 1)]
  return [value, ...parts.filter((part) => part.length >= PART)].filter((form) => form !== '')
}

function decodedBase64(text: string): string {
  try {
    return atob(text)
  } catch {
    return ''
  }
}

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
    // The longest first: what is blotted out is found in no other.
    const forms = [...new Set(values.flatMap(formsOf))].sort((left, right) => right.length - left.length)
    this.#secrets = forms.map((form) => new TextEncoder().encode(form))
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
