/** JSON text in, its value out; refused when an object has a name twice, when it is too deep, or when it is not JSON at all. */

const DEPTH = 32
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Follows a text that `JSON.parse` took: only the names of objects need a look. */
class Duplicates {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Whether any object has a name twice, or objects are too deep. */
  found(): boolean {
    return this.#value(0)
  }

  #space(): void {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? 'x')) this.#at++
  }

  #string(): string {
    const start = this.#at++
    while (this.#text[this.#at] !== '"') this.#at += this.#text[this.#at] === '\\' ? 2 : 1
    this.#at++
    return JSON.parse(this.#text.slice(start, this.#at)) as string
  }

  #value(depth: number): boolean {
    if (depth > DEPTH) return true
    this.#space()
    const first = this.#text[this.#at]
    if (first === '{') return this.#list(depth, '}', new Set())
    if (first === '[') return this.#list(depth, ']', undefined)
    if (first === '"') this.#string()
    else while (/[-+.\w]/.test(this.#text[this.#at] ?? '')) this.#at++
    return false
  }

  #list(depth: number, end: string, names: Set<string> | undefined): boolean {
    this.#at++
    this.#space()
    while (this.#text[this.#at] !== end) {
      if (names) {
        const name = this.#string()
        if (names.has(name)) return true
        names.add(name)
        this.#space()
        this.#at++
      }
      if (this.#value(depth + 1)) return true
      this.#space()
      if (this.#text[this.#at] === ',') this.#at++
      this.#space()
    }
    this.#at++
    return false
  }
}

/** @returns undefined for bytes that are no such JSON */
export function parseStrictJson(bytes: Uint8Array): unknown {
  try {
    const text = decoder.decode(bytes)
    const value: unknown = JSON.parse(text)
    return new Duplicates(text).found() ? undefined : value
  } catch {
    return undefined
  }
}
