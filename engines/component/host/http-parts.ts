/** The parts of a request as a component sets them: checked by RFC 9110 and RFC 3986, and in the one form that each has. */
import type { Named } from './http-types.ts'

/** RFC 9110, section 5.6.2. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

const METHODS: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'],
])
/** RFC 3986, section 3.1. */
const SCHEME = /^[A-Za-z][A-Za-z0-9+\-.]*$/
/** RFC 3986, section 3.3 and 3.4; what is no ASCII, and what only careful senders escape, is escaped when it is sent. */
const PATH = /^[A-Za-z0-9\-._~%!$&'()*+,;=:@/?"{|}^[\]\\\u{80}-\u{10FFFF}]*$/u
/** RFC 3986, section 3.2: user information, a name or an address, a port. */
const AUTHORITY = /^([A-Za-z0-9\-._~%!$&'()*+,;=:]*@)?([A-Za-z0-9\-._~%!$&'()*+,;=]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{0,5})?$/

function methodOf(given: Named): Named | undefined {
  const name = given.val ?? ''
  if (given.tag !== 'other') return given
  // A name that has a case of its own is that case.
  if (METHODS.has(name)) return { tag: name.toLowerCase() }
  return TOKEN.test(name) ? given : undefined
}

function schemeOf(given: Named): Named | undefined {
  const name = given.val ?? ''
  if (given.tag !== 'other') return given
  if (name === 'http' || name === 'https') return { tag: name.toUpperCase() }
  return SCHEME.test(name) ? given : undefined
}

/** What is asked for, and where. Each `set…` answers whether it was taken. */
export class RequestParts {
  #method: Named = { tag: 'get' }
  #path: string | undefined
  #scheme: Named | undefined
  #authority: string | undefined

  get method(): Named {
    return this.#method
  }

  get path(): string | undefined {
    return this.#path
  }

  get scheme(): Named | undefined {
    return this.#scheme
  }

  get authority(): string | undefined {
    return this.#authority
  }

  setMethod(to: Named): boolean {
    const method = methodOf(to)
    this.#method = method ?? this.#method
    return method !== undefined
  }

  /** The empty path is the root. */
  setPath(to: string | undefined): boolean {
    if (to !== undefined && !PATH.test(to)) return false
    this.#path = to === '' ? '/' : to
    return true
  }

  setScheme(to: Named | undefined): boolean {
    const scheme = to && schemeOf(to)
    if (to && !scheme) return false
    this.#scheme = scheme
    return true
  }

  setAuthority(to: string | undefined): boolean {
    if (to !== undefined && !AUTHORITY.test(to)) return false
    this.#authority = to
    return true
  }

  /** Undefined for what is no URL: the gate decides on everything else. */
  get url(): string | undefined {
    const { scheme, authority, path } = this
    if (!authority || scheme?.tag === 'other') return undefined
    return `${scheme?.tag === 'HTTP' ? 'http' : 'https'}://${authority}${path ?? '/'}`
  }

  get verb(): string {
    return (this.method.tag === 'other' ? (this.method.val ?? '') : this.method.tag).toUpperCase()
  }
}
