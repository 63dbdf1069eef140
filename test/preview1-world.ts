/** A guest of WASI preview 1 without any wasm: calls with numbers, over a memory that the test fills itself. */
import { GuestMemory } from '../src/kernel/guest-memory.ts'
import type { Kernel } from '../src/kernel/kernel.ts'
import { Preview1, type Preview1Host, type Preview1Name } from '../src/kernel/preview1.ts'
import { type BootOptions, boot } from './unit/kernel-guest.ts'

/** Error numbers by their names in the specification. */
export const E = {
  success: 0,
  acces: 2,
  again: 6,
  badf: 8,
  busy: 10,
  exist: 20,
  fault: 21,
  fbig: 22,
  ilseq: 25,
  inval: 28,
  isdir: 31,
  loop: 32,
  mfile: 33,
  nametoolong: 37,
  noent: 44,
  nospc: 51,
  nosys: 52,
  notdir: 54,
  notempty: 55,
  notsock: 57,
  notsup: 58,
  perm: 63,
  rofs: 69,
  spipe: 70,
  xdev: 75,
  notcapable: 76,
} as const

/** Where results go, and from where on the test may put arguments. */
const OUT = 8
const FREE = 1_024
/** The root, which the sandbox was given. */
export const ROOT = 3
export const ALL = 0xfff_ffffn

type WorldOptions = BootOptions & { suspends?: boolean }

export class Preview1World {
  readonly kernel: Kernel
  readonly memory = new WebAssembly.Memory({ initial: 16 })
  readonly view = new GuestMemory(() => this.memory)
  readonly preview1: Preview1
  readonly exits: number[] = []
  #free = FREE

  constructor({ suspends = true, ...options }: WorldOptions = {}) {
    this.kernel = boot(options).kernel
    if (options.files === undefined) this.kernel.files.put('/given', 'given')
    const { process } = this.kernel
    const host: Preview1Host = {
      memory: () => this.memory,
      suspends,
      settle: (answer) => answer,
      sleep: (milliseconds, signal = process.signal) => process.services.clock.sleep(milliseconds, signal),
      exit: (code) => void this.exits.push(code),
    }
    this.preview1 = new Preview1(process, host)
    this.preview1.begin()
  }

  /** Calls as a guest does; strings become a pointer and a length. */
  async call(name: Preview1Name, ...parameters: (number | bigint | string)[]): Promise<number> {
    const start = this.#free
    const flat = parameters.flatMap((one) => (typeof one === 'string' ? this.text(one) : [one]))
    try {
      return await this.preview1.call(name, flat)
    } finally {
      this.#free = start
    }
  }

  /** The same, which must succeed. */
  async ok(name: Preview1Name, ...parameters: (number | bigint | string)[]): Promise<void> {
    const number = await this.call(name, ...parameters)
    if (number !== E.success) throw new Error(`${name} answered ${number}`)
  }

  /** Puts a string where arguments go. */
  text(content: string): [number, number] {
    const bytes = new TextEncoder().encode(content)
    return [this.put(bytes), bytes.length]
  }

  put(bytes: Uint8Array): number {
    const at = this.#free
    this.#free += (bytes.length + 15) & ~7
    new Uint8Array(this.memory.buffer).set(bytes, at)
    return at
  }

  /** Vectors over buffers of these sizes; answers where they lie, and the buffers. */
  vectors(...sizes: number[]): { at: number; buffers: number[] } {
    const buffers = sizes.map((size) => this.put(new Uint8Array(size)))
    const heads = new Uint32Array(sizes.flatMap((size, index) => [buffers[index] as number, size]))
    return { at: this.put(new Uint8Array(heads.buffer)), buffers }
  }

  bytes(at: number, length: number): string {
    return new TextDecoder().decode(this.view.copy(at, length))
  }

  /** Opens beneath the root. */
  async open(path: string, flags = 0, rights = ALL, fdFlags = 0, directory = ROOT): Promise<number> {
    await this.ok('path_open', directory, 1, path, flags, rights & ALL, ALL, fdFlags, OUT)
    return this.view.u32(OUT)
  }

  async write(fd: number, content: string): Promise<number> {
    const [at, length] = this.text(content)
    const heads = this.put(new Uint8Array(new Uint32Array([at, length]).buffer))
    const answer = await this.call('fd_write', fd, heads, 1, OUT)
    return answer === E.success ? this.view.u32(OUT) : -answer
  }

  async read(fd: number, length = 100): Promise<string | number> {
    const { at, buffers } = this.vectors(length)
    const answer = await this.call('fd_read', fd, at, 1, OUT)
    return answer === E.success ? this.bytes(buffers[0] as number, this.view.u32(OUT)) : -answer
  }

  /** Size, type, links and times of a path, or its error below zero. */
  async stat(
    path: string,
    follow = 1,
    directory = ROOT,
  ): Promise<{ size: number; type: number; links: number } | number> {
    const answer = await this.call('path_filestat_get', directory, follow, path, 64)
    if (answer !== E.success) return -answer
    return { size: Number(this.view.u64(64 + 32)), type: this.view.u8(64 + 16), links: Number(this.view.u64(64 + 24)) }
  }

  /** Names that a listing answers from a cookie on, with the cookie after each. */
  async list(fd: number, cookie = 0n, room = 4_096): Promise<{ name: string; next: bigint }[]> {
    await this.ok('fd_readdir', fd, 32_768, room, cookie, OUT)
    const used = this.view.u32(OUT)
    const entries: { name: string; next: bigint }[] = []
    for (let at = 32_768; at + 24 <= 32_768 + used; ) {
      const length = this.view.u32(at + 16)
      if (at + 24 + length > 32_768 + used) break
      entries.push({ name: this.bytes(at + 24, length), next: this.view.u64(at) })
      at += 24 + length
    }
    return entries
  }

  get out(): number {
    return OUT
  }
}
