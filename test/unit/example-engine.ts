/** The smallest whole engine, from which a new engine's author starts: a guest that shouts its source to stdout. */
import type { Command, EngineIo, ExecutionEngine, Exit, Instance, Leash, ProcessContext } from '../../src/engine.ts'
import { Operation } from '../../src/kernel/operations.ts'
import { type Border, Death, instantiateBorder } from '../../src/loader/border.ts'
import { createImage, type Image } from '../../src/loader/image.ts'
import { rewriteModule } from '../../src/loader/rewrite.ts'
import { type BoundState, bindState } from '../../src/loader/state.ts'
import { buildModule } from '../loader-modules.ts'

/** Where the source goes in the guest's memory; all of it is one page. */
const SOURCE = 1_024
const ROOM = 65_536 - SOURCE

type GuestExports = {
  memory: WebAssembly.Memory
  run(length: number): number
  __fuel: WebAssembly.Global<'i64'>
  __callout: WebAssembly.Table
}

/**
 * The guest, as instructions. `run(length)` clears bit 5 of every letter of its source, then writes it:
 * `for (i = 0; i != length; i++) if (byte >= 'a') byte &= 0xdf`. A length below zero runs for a very long time.
 */
function guestModule(): Uint8Array<ArrayBuffer> {
  const source = [0x41, 0x80, 0x08] // i32.const 1024
  const at = [0x20, 1, ...source, 0x6a] // local.get i; + SOURCE
  const inPage = [0x41, 0xff, 0xff, 0x03, 0x71] // & 0xffff: the long run stays within the page
  const byte = [...at, ...inPage, 0x2d, 0, 0]
  const code = [
    ...[0x02, 0x40, 0x03, 0x40, 0x20, 1, 0x20, 0, 0x46, 0x0d, 1], // block loop: if i == length leave
    ...[...byte, 0x41, 0xe1, 0x00, 0x4f, 0x04, 0x40], // if byte >= 'a'
    ...[...at, ...inPage, ...byte, 0x41, 0xdf, 0x01, 0x71, 0x3a, 0, 0, 0x0b], //   byte &= 0xdf
    ...[0x20, 1, 0x41, 1, 0x6a, 0x21, 1, 0x0c, 0, 0x0b, 0x0b], // i++; again
    ...[...source, 0x20, 0, 0x10, 0], // write(SOURCE, length)
  ]
  return buildModule({
    imports: [{ module: 'shout', name: 'write', params: ['i32', 'i32'], results: ['i32'] }],
    memory: { minimum: 1, maximum: 1, name: 'memory' },
    functions: [{ name: 'run', params: ['i32'], results: ['i32'], locals: ['i32'], code }],
  })
}

class ShoutInstance implements Instance {
  readonly #image: Image
  readonly #context: ProcessContext
  readonly #border: Border
  readonly #guest: GuestExports
  readonly #state: BoundState
  #slice = 0
  #leash: Leash | undefined

  constructor(image: Image, context: ProcessContext) {
    this.#image = image
    this.#context = context
    this.#border = instantiateBorder(
      [{ module: 'shout', name: 'write', params: ['i32', 'i32'], results: ['i32'], operation: Operation.FdWrite }],
      {
        host: { shout: { write: (pointer: number, length: number) => this.#write(pointer >>> 0, length >>> 0) } },
        callout: () => this.#callout(),
        suspend: () => {},
        suspension: undefined,
        onFault: () => {},
      },
    )
    this.#border.countWith(context.count)
    const { exports } = new WebAssembly.Instance(image.module, this.#border.imports)
    this.#guest = exports as unknown as GuestExports
    this.#guest.__callout.set(0, this.#border.callout)
    this.#state = bindState([{ exports, layout: image.layout }])
    this.#state.restore(image.state)
  }

  async run({ source }: Command, leash: Leash): Promise<Exit> {
    const bytes = new TextEncoder().encode(source)
    if (bytes.length > ROOM)
      return { exitCode: 1, error: { code: 'TOKA_VALUE_SIZE', message: 'the source is too large' }, lost: false }
    new Uint8Array(this.#guest.memory.buffer).set(bytes, SOURCE)
    this.#leash = leash
    this.#slice = leash.slice
    this.#guest.__fuel.value = BigInt(this.#slice)
    try {
      const written = this.#guest.run(source === '' ? -1 : bytes.length)
      return { exitCode: written === bytes.length ? 0 : 1, lost: false }
    } catch (trap) {
      if (leash.stopped) return { exitCode: 1, stopped: leash.stopped, lost: true }
      return { exitCode: 1, error: { code: 'TOKA_GUEST_TRAP', message: String(trap) }, lost: true }
    } finally {
      this.#leash = undefined
    }
  }

  snapshot(): Image {
    return { ...this.#image, state: this.#state.capture() }
  }

  reset(): boolean {
    this.#border.dead.value = Death.alive
    return this.#state.reset(this.#image.state, { memoryBytes: 65_536 })
  }

  memoryBytes(): number {
    return this.#guest.memory.buffer.byteLength
  }

  dispose(): void {
    this.#border.dead.value = Death.killed
  }

  /** Pointer and length are the guest's word: checked against the memory of the moment, then copied, then acted on. */
  #write(pointer: number, length: number): number {
    const memory = this.#guest.memory.buffer
    if (pointer + length > memory.byteLength) return -1
    const argument = new Uint8Array(4 + length)
    argument[0] = 1
    argument.set(new Uint8Array(memory, pointer, length), 4)
    const written = this.#context.process.call(Operation.FdWrite, argument)
    return written instanceof Promise ? -1 : new DataView(written.buffer, written.byteOffset).getUint32(0, true)
  }

  #callout(): number {
    const leash = this.#leash
    if (!leash) return 1
    const verdict = leash.spent(this.#slice)
    // Shorter towards the end of the run's fuel.
    this.#slice = leash.slice
    this.#guest.__fuel.value = BigInt(this.#slice)
    // This guest cannot be suspended: 2 becomes 0.
    return verdict === 1 ? 1 : 0
  }
}

export const shout: ExecutionEngine = {
  name: 'shout',
  version: '1',
  languages: ['wasm'],

  async prepare(_io: EngineIo): Promise<Image> {
    const { bytes, meta } = rewriteModule(guestModule(), {
      fuel: true,
      exportState: true,
      keepExports: ['run', 'memory'],
    })
    if (!meta.layout) throw new Error('no state')
    const state = { pages: 1, runs: [], globals: [], tableSizes: meta.layout.tables.map(() => 1) }
    return createImage({
      engine: 'shout',
      engineVersion: '1',
      engineHash: '0'.repeat(64),
      moduleBytes: bytes,
      layout: meta.layout,
      state,
    })
  },

  async fork(image: Image, context: ProcessContext): Promise<Instance> {
    return new ShoutInstance(image, context)
  },
}
