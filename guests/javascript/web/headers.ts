/** Headers (https://fetch.spec.whatwg.org/#headers-class): names in lower case, values joined, in the order of their names. */
import { tagClass } from '../realm/define.ts'

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/

function nameOf(name: unknown): string {
  const text = String(name)
  if (!NAME.test(text)) throw new TypeError(`Header name ${JSON.stringify(text)} is not valid`)
  return text.toLowerCase()
}

function valueOf(value: unknown): string {
  const text = String(value).replace(/^[\t\r\n ]+|[\t\r\n ]+$/g, '')
  if (!VALUE.test(text)) throw new TypeError('Header value is not valid')
  return text
}

export type HeadersLike = Headers | Iterable<readonly [string, string]> | Record<string, string>

export class Headers {
  readonly #fields: [name: string, value: string][] = []

  constructor(init?: HeadersLike) {
    if (init === undefined || init === null) return
    if (typeof init !== 'object') throw new TypeError('Headers are given as an object, or as pairs')
    const pairs = Symbol.iterator in init ? init : Object.entries(init)
    for (const pair of pairs as Iterable<readonly [string, string]>) {
      const [name, value, ...more] = pair
      if (value === undefined || more.length > 0) throw new TypeError('A header is a pair of name and value')
      this.append(name, value)
    }
  }

  append(name: string, value: string): void {
    this.#fields.push([nameOf(name), valueOf(value)])
  }

  delete(name: string): void {
    const key = nameOf(name)
    for (let index = this.#fields.length - 1; index >= 0; index--)
      if (this.#fields[index]?.[0] === key) this.#fields.splice(index, 1)
  }

  get(name: string): string | null {
    const key = nameOf(name)
    const values = this.#fields.filter(([field]) => field === key).map(([, value]) => value)
    return values.length === 0 ? null : values.join(', ')
  }

  getSetCookie(): string[] {
    return this.#fields.filter(([name]) => name === 'set-cookie').map(([, value]) => value)
  }

  has(name: string): boolean {
    return this.get(name) !== null
  }

  set(name: string, value: string): void {
    const text = valueOf(value)
    this.delete(name)
    this.#fields.push([nameOf(name), text])
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void, thisArgument?: unknown): void {
    for (const [name, value] of this) callback.call(thisArgument, value, name, this)
  }

  *entries(): IterableIterator<[string, string]> {
    const names = [...new Set(this.#fields.map(([name]) => name))].sort()
    for (const name of names) {
      if (name === 'set-cookie') for (const value of this.getSetCookie()) yield [name, value]
      else yield [name, this.get(name) as string]
    }
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this) yield name
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this) yield value
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries()
  }
}

tagClass(Headers, 'Headers')
