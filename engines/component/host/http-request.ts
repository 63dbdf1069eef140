/** A request of wasi:http while it is put together, and what comes of it: made through the gate, like every guest's. */
import { errno } from '../../../src/kernel/errno.ts'
import type { MaybePromise } from '../../../src/kernel/host-port.ts'
import { Later } from '../../../src/kernel/later.ts'
import { Operation } from '../../../src/kernel/operations.ts'
import type { Process } from '../../../src/kernel/process.ts'
import { decodeValue, encodeValue } from '../../../src/kernel/values.ts'
import { CanonTrap } from '../canon-trap.ts'
import { type Closable, err, ok, type Result, type World } from './definitions.ts'
import { type HeldBytes, Holding } from './held-bytes.ts'
import { RequestParts, TOKEN } from './http-parts.ts'
import { httpErrorOf } from './http-types.ts'
import type { Pollable } from './pollable.ts'
import { InputStream, OutputStream } from './streams.ts'

const utf8 = new TextEncoder()
/** Header values are bytes there and Latin-1 here (RFC 9110, section 5.5). */
const latin1 = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')

/** Entries of one collection of headers, and their bytes. */
const MOST_FIELDS = 1_024
const MOST_FIELD_BYTES = 2 ** 18
/** Set by the connection itself, whatever a program says of them. */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'host',
  'transfer-encoding',
])
/** Those that a program may not set: the list of wasmtime, since the interface has none yet (WASI issue 940). */
const FORBIDDEN: ReadonlySet<string> = new Set([
  ...['connection', 'host', 'http2-settings', 'keep-alive', 'proxy-authenticate', 'proxy-authorization'],
  ...['proxy-connection', 'transfer-encoding', 'upgrade'],
])

type Entry = readonly [name: string, value: Uint8Array]

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

/** What is sent with a request: collected whole, since it is decided on and charged whole. */
export class OutgoingBody {
  readonly #chunks: Uint8Array[] = []
  #length = 0
  #stream: OutputStream | undefined
  #onFinish: ((body: Uint8Array | undefined) => void) | undefined
  #finished: Uint8Array | undefined | 'dropped'
  readonly #most: number
  readonly #holding: Holding

  /** @param most bytes */
  constructor(held: HeldBytes, most: number) {
    this.#holding = new Holding(held)
    this.#most = most
  }

  stream(): OutputStream | undefined {
    if (this.#stream) return undefined
    this.#stream = new OutputStream((bytes) => {
      this.#length += bytes.length
      if (this.#length > this.#most) throw errno('EFBIG')
      if (!this.#holding.resize(this.#length)) throw errno('ENOSPC')
      this.#chunks.push(bytes)
      return bytes.length
    })
    return this.#stream
  }

  finish(): void {
    if (this.#finished !== undefined) return
    const whole = new Uint8Array(this.#length)
    let at = 0
    for (const chunk of this.#chunks) {
      whole.set(chunk, at)
      at += chunk.length
    }
    this.#finished = whole
    this.#chunks.length = 0
    this.#onFinish?.(whole)
  }

  /** Dropped without an end: what was to be sent is not whole. */
  close(): void {
    this.#chunks.length = 0
    this.#holding.resize(0)
    if (this.#finished !== undefined) return
    this.#finished = 'dropped'
    this.#onFinish?.(undefined)
  }

  /** Tells the body once it is whole, or undefined when it never will be. */
  whenWhole(tell: (body: Uint8Array | undefined) => void): void {
    if (this.#finished === undefined) this.#onFinish = tell
    else tell(this.#finished === 'dropped' ? undefined : this.#finished)
  }
}

export class OutgoingRequest extends RequestParts implements Closable {
  readonly headers: Fields
  body: OutgoingBody | undefined

  /** Takes headers over. */
  constructor(held: HeldBytes, headers: Fields) {
    super()
    headers.close()
    this.headers = new Fields(held, headers.entries, true)
  }

  close(): void {
    this.headers.close()
  }
}

export type Answer = { status: number; headers: [string, string][]; body: number }

const SERVICE = { fetch: 'toka:fetch', read: 'toka:read', cancel: 'toka:cancel' } as const

function callService(process: Process, name: string, input: unknown): MaybePromise<Uint8Array> {
  const encoded = utf8.encode(name)
  const { flatBytes, structuredBytes } = process.services.limits
  const most = Math.max(flatBytes, structuredBytes)
  const value = encodeValue(input, { structuredBytes: most, flatBytes: most })
  const argument = new Uint8Array(4 + encoded.length + value.length)
  new DataView(argument.buffer).setUint32(0, encoded.length, true)
  argument.set(encoded, 4)
  argument.set(value, 4 + encoded.length)
  return process.call(Operation.ToolCall, argument)
}

/** An answer that is under way. */
export class FutureResponse implements Pollable, Closable {
  /** Makes the answer, or throws a fault of ours: nobody hears one that comes while nothing of the guest runs. */
  #answer: (() => Result) | undefined
  /** The response, until it is taken or let go of. */
  #response: IncomingResponse | undefined
  #isTaken = false
  /** Until the body is whole nothing is under way, and nothing comes. */
  #pending: Promise<void> = new Later(() => {})

  /** Makes the request once its body is whole. */
  constructor({ process, held }: World, request: OutgoingRequest, url: string) {
    const headers = request.headers.entries
      .filter(([name]) => !OF_CONNECTION.has(name.toLowerCase()))
      .map(([name, value]) => [name, latin1(value)])
    const send = (body: Uint8Array | undefined): void => {
      const input = { url, method: request.verb, headers, redirect: 'manual', ...(body?.length ? { body } : {}) }
      this.#make(() => callService(process, SERVICE.fetch, input), process, held)
    }
    if (!request.body) send(undefined)
    else
      request.body.whenWhole((body) => {
        if (body) send(body)
        else this.#fail(errno('EINVAL'))
      })
  }

  ready(): boolean {
    return this.#answer !== undefined
  }

  wait(): MaybePromise<void> {
    return this.#answer ? undefined : this.#pending
  }

  /** The answer, once: undefined while it is under way. */
  get(): Result | undefined {
    if (!this.#answer) return undefined
    if (this.#isTaken) return err()
    this.#isTaken = true
    this.#response = undefined
    return ok(this.#answer())
  }

  /** Nobody takes the answer any more: the gate gets its body back, now or when it comes. */
  close(): void {
    this.#isTaken = true
    this.#response?.close()
    this.#response = undefined
  }

  #make(make: () => MaybePromise<Uint8Array>, process: Process, held: HeldBytes): void {
    const fail = (error: unknown): void => this.#fail(error)
    const accept = (bytes: Uint8Array): void => {
      const response = new IncomingResponse(process, held, decodeValue(bytes) as Answer)
      if (this.#isTaken) response.close()
      else this.#response = response
      this.#answer = () => ok(response)
    }
    try {
      const answer = make()
      if (answer instanceof Promise) this.#pending = answer.then(accept).catch(fail)
      else accept(answer)
    } catch (error) {
      fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#answer = () => err(httpErrorOf(error))
  }
}

export class IncomingResponse {
  readonly status: number
  readonly headers: Fields
  readonly #process: Process
  #body: number | undefined

  constructor(process: Process, held: HeldBytes, { status, headers, body }: Answer) {
    this.#process = process
    this.status = status
    this.headers = new Fields(
      held,
      headers.map(([name, value]): Entry => [name, Uint8Array.from(value, (unit) => unit.charCodeAt(0))]),
      true,
    )
    this.#body = body
  }

  /** The body, once. */
  consume(): IncomingBody | undefined {
    const body = this.#body
    this.#body = undefined
    return body === undefined ? undefined : new IncomingBody(this.#process, body)
  }

  close(): void {
    this.headers.close()
    this.consume()?.close()
  }
}

export class IncomingBody {
  readonly #process: Process
  #number: number
  #isTaken = false

  /** @param number of the gate's; 0 for a body of nothing */
  constructor(process: Process, number: number) {
    this.#process = process
    this.#number = number
  }

  /** The stream, once. */
  stream(): InputStream | undefined {
    if (this.#isTaken) return undefined
    this.#isTaken = true
    return new InputStream(() => this.#read())
  }

  close(): void {
    const number = this.#number
    this.#number = 0
    if (number === 0) return
    try {
      const answer = callService(this.#process, SERVICE.cancel, number)
      if (answer instanceof Promise) answer.catch(() => {})
    } catch {
      // The run is over: the gate has closed it already.
    }
  }

  #read(): MaybePromise<Uint8Array> {
    if (this.#number === 0) return new Uint8Array(0)
    const answer = callService(this.#process, SERVICE.read, this.#number)
    const accept = (encoded: Uint8Array): Uint8Array => {
      const bytes = decodeValue(encoded, { flatBytes: encoded.length }) as Uint8Array
      if (bytes.length === 0) this.#number = 0
      return bytes
    }
    return answer instanceof Promise ? answer.then(accept) : accept(answer)
  }
}

/** Of a body that has none: its end is there at once. */
export class FutureTrailers implements Pollable {
  #isTaken = false

  ready(): boolean {
    return true
  }

  wait(): undefined {}

  get(): Result {
    if (this.#isTaken) return err()
    this.#isTaken = true
    return ok({ tag: 'ok', val: undefined })
  }
}
