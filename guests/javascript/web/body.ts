/** The body of a request or an answer, read once: whole, or piece by piece as it comes. A documented subset of ReadableStream. */
import { decodeUtf8 } from '../natives.ts'
import { tagClass } from '../realm/define.ts'

type Bytes = Uint8Array<ArrayBuffer>
export type Source = { next: () => Promise<Bytes>; cancel: () => Promise<void> }
type Step = { done: boolean; value: Bytes | undefined }

/** What `response.body` is: an async iterable of bytes, with `getReader()` and `cancel()`. */
export class BodyStream {
  readonly #source: Source
  #locked = false
  #over = false

  constructor(source: Source) {
    this.#source = source
  }

  get locked(): boolean {
    return this.#locked
  }

  async #next(): Promise<Step> {
    if (this.#over) return { done: true, value: undefined }
    const value = await this.#source.next()
    this.#over = value.length === 0
    return this.#over ? { done: true, value: undefined } : { done: false, value }
  }

  #lock(): void {
    if (this.#locked) throw new TypeError('The body has been read already, or is being read')
    this.#locked = true
  }

  getReader(): { read: () => Promise<Step>; cancel: () => Promise<void>; releaseLock: () => void } {
    this.#lock()
    return {
      read: () => this.#next(),
      cancel: () => this.#cancel(),
      releaseLock: () => {
        this.#locked = false
      },
    }
  }

  async cancel(): Promise<void> {
    this.#lock()
    await this.#cancel()
  }

  async #cancel(): Promise<void> {
    if (this.#over) return
    this.#over = true
    await this.#source.cancel()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Bytes, void> {
    this.#lock()
    try {
      for (;;) {
        const { value } = await this.#next()
        if (value === undefined) return
        yield value
      }
    } finally {
      await this.#cancel()
    }
  }
}

tagClass(BodyStream, 'ReadableStream')

/** A body that is there as a whole. */
export function sourceOf(bytes: Bytes): Source {
  let given = false
  return {
    next: () => {
      const rest = given ? new Uint8Array(0) : bytes
      given = true
      return Promise.resolve(rest)
    },
    cancel: () => Promise.resolve(),
  }
}

/** A body that a program gives piece by piece; empty pieces are left out, since they would be its end. */
export function sourceFrom(pieces: AsyncIterable<unknown>): Source {
  // A stream of ours is locked from here on, as the standard has it, and not only when it is read.
  const reader = pieces instanceof BodyStream ? pieces.getReader() : undefined
  const iterator = reader ? undefined : pieces[Symbol.asyncIterator]()
  const next = async (): Promise<Bytes> => {
    for (;;) {
      const { done, value } = reader ? await reader.read() : await iterator!.next()
      if (done) return new Uint8Array(0)
      if (!(value instanceof Uint8Array)) throw new TypeError('The pieces of a body must be Uint8Array')
      if (value.length > 0) return value as Bytes
    }
  }
  const cancel = async (): Promise<void> => {
    await (reader ? reader.cancel() : iterator!.return?.())
  }
  return {
    next: async () => {
      try {
        return await next()
      } catch (error) {
        await cancel()
        throw error
      }
    },
    cancel,
  }
}

/** What requests and responses have in common. */
export class Body {
  readonly #stream: BodyStream | null

  constructor(source: Source | undefined) {
    this.#stream = source ? new BodyStream(source) : null
  }

  get body(): BodyStream | null {
    return this.#stream
  }

  get bodyUsed(): boolean {
    return this.#stream?.locked ?? false
  }

  async bytes(): Promise<Bytes> {
    const pieces: Bytes[] = []
    let length = 0
    for await (const piece of this.#stream ?? []) {
      pieces.push(piece)
      length += piece.length
    }
    const whole = new Uint8Array(length)
    let at = 0
    for (const piece of pieces) {
      whole.set(piece, at)
      at += piece.length
    }
    return whole
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer
  }

  async text(): Promise<string> {
    const bytes = await this.bytes()
    const isMarked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
    return decodeUtf8(isMarked ? bytes.subarray(3) : bytes)
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }
}
