/** What `fs.promises.open` answers, as in Node. */
import { codedError } from '../failures.ts'
import { appendFile, close, fstat, fsync, ftruncate, read, readFile, write, writeFile } from './contents.ts'
import { optionsOf } from './arguments.ts'
import { bufferOf } from './buffers.ts'
import type { Stats } from './stats.ts'
import { runLater } from './steps.ts'

const CLOSED = -1

export class FileHandle {
  #fd: number

  constructor(fd: number) {
    this.#fd = fd
  }

  /** -1 once it is closed. */
  get fd(): number {
    return this.#fd
  }

  #open(): number {
    if (this.#fd === CLOSED) throw codedError('EBADF', 'EBADF: bad file descriptor: the file is closed')
    return this.#fd
  }

  async read(
    given?: unknown,
    offset?: unknown,
    length?: unknown,
    position?: unknown,
  ): Promise<{ bytesRead: number; buffer: unknown }> {
    const bare = given === undefined || (typeof given === 'object' && given !== null && !ArrayBuffer.isView(given))
    const options = (bare ? (given ?? {}) : {}) as {
      buffer?: unknown
      offset?: unknown
      length?: unknown
      position?: unknown
    }
    const buffer = bare ? (options.buffer ?? bufferOf(new Uint8Array(16_384))) : given
    const bytesRead = await runLater(read(this.#open(), buffer, bare ? options : offset, length, position))
    return { bytesRead, buffer }
  }

  async write(
    data: unknown,
    offset?: unknown,
    length?: unknown,
    position?: unknown,
  ): Promise<{ bytesWritten: number; buffer: unknown }> {
    return { bytesWritten: await runLater(write(this.#open(), data, offset, length, position)), buffer: data }
  }

  async readFile(options?: unknown): Promise<string | Uint8Array> {
    return runLater(readFile(this.#open(), options))
  }

  async writeFile(data: unknown, options?: unknown): Promise<void> {
    return runLater(writeFile(this.#open(), data, options))
  }

  async appendFile(data: unknown, options?: unknown): Promise<void> {
    return runLater(appendFile(this.#open(), data, optionsOf(options)))
  }

  async stat(): Promise<Stats> {
    return runLater(fstat(this.#open()))
  }

  async truncate(length?: number): Promise<void> {
    return runLater(ftruncate(this.#open(), length))
  }

  async sync(): Promise<void> {
    return runLater(fsync(this.#open()))
  }

  async datasync(): Promise<void> {
    return runLater(fsync(this.#open()))
  }

  async close(): Promise<void> {
    if (this.#fd === CLOSED) return
    const fd = this.#fd
    this.#fd = CLOSED
    return runLater(close(fd))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
