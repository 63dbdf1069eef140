/** `fetch`, Headers, Request and Response: requests that the host makes, as far as it is granted. */
import { encodeUtf8 } from '../natives.ts'
import { defineHidden, tagClass } from '../realm/define.ts'
import { makeTool } from '../tools.ts'
import { Body, type BodyStream, type Source, sourceFrom, sourceOf } from '../web/body.ts'
import { Headers, type HeadersLike } from '../web/headers.ts'
import { upload } from '../web/upload.ts'

export { Headers }

type Bytes = Uint8Array<ArrayBuffer>
type Init = {
  method?: string
  headers?: HeadersLike
  body?: unknown
  redirect?: string
  duplex?: string
  signal?: { aborted: boolean; reason?: unknown; addEventListener(type: 'abort', done: () => void): void } | null
}
type Answer = {
  status: number
  statusText: string
  headers: [string, string][]
  url: string
  redirected: boolean
  body: number
}

const ask = makeTool('toka:fetch')
const read = makeTool('toka:read')
const cancel = makeTool('toka:cancel')

const FORM = 'application/x-www-form-urlencoded;charset=UTF-8'
/** Statuses without a body (Fetch standard, "null body status"). */
const EMPTY: Record<number, boolean> = { 101: true, 103: true, 204: true, 205: true, 304: true }

/** What a body is: its bytes, where they are there, and the type that it gives itself. */
type Given = { source?: Source; bytes?: Bytes; type?: string }

function whole(bytes: Bytes, type?: string): Given {
  return { source: sourceOf(bytes), bytes, ...(type === undefined ? {} : { type }) }
}

function bodyOf(body: unknown): Given {
  if (body === undefined || body === null) return {}
  if (body instanceof ArrayBuffer) return whole(new Uint8Array(body.slice(0)))
  if (ArrayBuffer.isView(body))
    return whole(new Uint8Array(body.buffer as ArrayBuffer, body.byteOffset, body.byteLength).slice())
  // The standard has ReadableStream alone; async iterables beside it, as Node's fetch.
  if (typeof body === 'object' && Symbol.asyncIterator in body)
    return { source: sourceFrom(body as AsyncIterable<unknown>) }
  const isForm = Object.prototype.toString.call(body) === '[object URLSearchParams]'
  const text = String(body).toWellFormed()
  return whole(encodeUtf8(text) as Bytes, isForm ? FORM : 'text/plain;charset=UTF-8')
}

export class Request extends Body {
  readonly method: string
  readonly url: string
  readonly headers: Headers
  readonly redirect: string
  readonly signal: Init['signal']
  readonly #bytes: Bytes | undefined

  constructor(input: unknown, init: Init = {}) {
    const base = input instanceof Request ? input : undefined
    const { source, bytes, type } = bodyOf(init.body ?? (base && (base.#bytes ?? base.body)))
    const isStream = source !== undefined && bytes === undefined
    if (isStream && init.body != null && init.duplex !== 'half')
      throw new TypeError("A request whose body is a stream needs duplex: 'half'")
    super(source)
    this.#bytes = bytes
    this.url = base?.url ?? String(input)
    this.method = String(init.method ?? base?.method ?? 'GET').toUpperCase()
    this.headers = new Headers(init.headers ?? base?.headers)
    if (type !== undefined && !this.headers.has('content-type')) this.headers.set('content-type', type)
    this.redirect = init.redirect ?? base?.redirect ?? 'follow'
    this.signal = init.signal ?? base?.signal ?? null
    if (source && (this.method === 'GET' || this.method === 'HEAD'))
      throw new TypeError(`A request with method ${this.method} cannot have a body`)
  }

  clone(): Request {
    if (this.body && !this.#bytes) throw new TypeError('A request whose body is a stream cannot be cloned')
    return new Request(this)
  }

  /** What the host is asked, and the body that is sent after. */
  static asked(request: Request): { ask: Record<string, unknown>; stream: BodyStream | null } {
    const { url, method, headers, redirect } = request
    const body = request.#bytes
    const ask = { url, method, headers: [...headers], redirect, ...(body ? { body } : {}) }
    return { ask, stream: body ? null : request.body }
  }
}
const asked = Request.asked
defineHidden(Request, 'asked', undefined)
Reflect.deleteProperty(Request, 'asked')

const key = Symbol('Response')

export class Response extends Body {
  readonly status: number
  readonly statusText: string
  readonly headers: Headers
  readonly url: string
  readonly redirected: boolean
  readonly type: string

  constructor(
    body?: unknown,
    init: { status?: number; statusText?: string; headers?: HeadersLike } = {},
    given?: [typeof key, Source | undefined, Answer],
  ) {
    const [from, source, answer] = given ?? []
    const isOurs = from === key && answer !== undefined
    const { source: own, type } = isOurs ? {} : bodyOf(body)
    super(isOurs ? source : own)
    this.status = init.status ?? 200
    if (!isOurs && !(this.status >= 200 && this.status <= 599))
      throw new RangeError('The status must be from 200 to 599')
    this.statusText = init.statusText ?? ''
    this.headers = new Headers(init.headers)
    if (type !== undefined && !this.headers.has('content-type')) this.headers.set('content-type', type)
    this.url = isOurs ? answer.url : ''
    this.redirected = isOurs ? answer.redirected : false
    this.type = isOurs ? 'basic' : 'default'
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299
  }

  static json(data: unknown, init: { status?: number; headers?: HeadersLike } = {}): Response {
    const headers = new Headers(init.headers)
    if (!headers.has('content-type')) headers.set('content-type', 'application/json')
    return new Response(JSON.stringify(data), { ...init, headers })
  }

  static error(): Response {
    throw new TypeError('Response.error is not there: fetch rejects')
  }
}

tagClass(Request, 'Request')
tagClass(Response, 'Response')

/** Rejects when a signal aborts; `stop` is called then. */
function abortable<T>(signal: Init['signal'], work: Promise<T>, stop: () => void): Promise<T> {
  if (!signal) return work
  return new Promise((resolve, reject) => {
    const abort = () => {
      reject(signal.reason)
      stop()
    }
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort)
    work.then(resolve, reject)
  })
}

function answerSource(body: number, signal: Init['signal']): Source {
  const stop = async (): Promise<void> => void (await cancel(body))
  return { next: () => abortable(signal, read(body) as Promise<Bytes>, () => void stop()), cancel: stop }
}

/** The key of the request that was made last with a signal: below zero, where no number of a body is. */
let lastKey = 0

/** Makes a request. It rejects with a coded error: TOKA_DENIED, TOKA_NET_FAILED, TOKA_NET_TIMEOUT or TOKA_NET_SIZE. */
export async function fetch(input: unknown, init?: Init): Promise<Response> {
  const request = new Request(input, init)
  const { signal } = request
  if (signal?.aborted) throw signal.reason
  const late = (answer: Answer): void => {
    if (signal?.aborted && answer.body !== 0) void cancel(answer.body)
  }
  const { ask: question, stream } = asked(request)
  const waiting = signal ? --lastKey : 0
  if (signal) question.key = waiting
  let sending = 0
  const begun = (number: number): void => {
    sending = number
    if (signal?.aborted) throw signal.reason
  }
  const answering = (stream ? upload(question, stream, begun) : ask(question)) as Promise<Answer>
  const answer = await abortable(signal, answering, () => {
    void cancel(sending === 0 ? waiting : sending)
    void answering.then(late, () => {})
  })
  const { status, statusText, headers, body } = answer
  const hasBody = body !== 0 && !EMPTY[status] && request.method !== 'HEAD'
  if (body !== 0 && !hasBody) void cancel(body)
  return new Response(undefined, { status, statusText, headers }, [
    key,
    hasBody ? answerSource(body, signal) : undefined,
    answer,
  ])
}
