/** `process.stdin`: read on demand, as events and as an async iterable of chunks. */
import { EventEmitter } from 'events'
import { callLater } from '../calls.ts'
import { keepAlive } from '../loop.ts'
import { withWord, writeDouble, writeWord } from '../natives.ts'
import { FdRead } from '../operations.generated.ts'
import { part } from '../parts.ts'
import { bufferOf } from '../files/buffers.ts'
import { encodingOf } from '../files/encodings.ts'

const CHUNK_BYTES = 65_536

type Decoder = { decode(bytes?: Uint8Array, options?: { stream: boolean }): string }

export class StandardInput extends EventEmitter {
  readonly fd = 0
  readonly isTTY = false
  readonly readable = true
  #decoder: Decoder | undefined
  #flowing = false
  #ended = false

  /** Chunks are text from now on. UTF-8, UTF-16LE and latin1. */
  setEncoding(encoding: string = 'utf8'): this {
    const name = encodingOf(encoding)
    const { TextDecoder } = part<typeof import('../parts/text.ts')>('text')
    this.#decoder = new TextDecoder(name === 'utf16le' ? 'utf-16le' : name === 'latin1' ? 'latin1' : 'utf-8') as Decoder
    return this
  }

  override on(event: string | symbol, listener: (...args: unknown[]) => void): this {
    super.on(event, listener)
    if (event === 'data') this.resume()
    return this
  }

  override addListener(event: string | symbol, listener: (...args: unknown[]) => void): this {
    return this.on(event, listener)
  }

  pause(): this {
    this.#flowing = false
    return this
  }

  isPaused(): boolean {
    return !this.#flowing
  }

  resume(): this {
    if (!this.#flowing && !this.#ended) {
      this.#flowing = true
      keepAlive(1)
      this.#flow().finally(() => keepAlive(-1))
    }
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  async #flow(): Promise<void> {
    while (this.#flowing) {
      const chunk = await this.#next()
      if (chunk === undefined) {
        this.#flowing = false
        this.emit('end')
        this.emit('close')
        return
      }
      if (chunk.length > 0) this.emit('data', chunk)
    }
  }

  /** The next chunk, undefined at the end. Text in the middle of a character may be empty. */
  async #next(): Promise<Uint8Array | string | undefined> {
    if (this.#ended) return undefined
    const argument = withWord(this.fd, 12)
    writeWord(argument, 4, CHUNK_BYTES)
    writeDouble(argument, 8, -1)
    const bytes = await callLater(FdRead, argument)
    if (bytes.length > 0)
      return this.#decoder === undefined ? bufferOf(bytes) : this.#decoder.decode(bytes, { stream: true })
    this.#ended = true
    return this.#decoder?.decode() || undefined
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array | string, void, undefined> {
    for (let chunk = await this.#next(); chunk !== undefined; chunk = await this.#next()) {
      if (chunk.length > 0) yield chunk
    }
  }
}
