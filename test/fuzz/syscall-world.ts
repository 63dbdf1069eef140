/** What host calls are fuzzed against: a kernel with narrow limits, mounts and tools, and a wasm guest's memory that grows. */
import { GuestCalls } from '../../src/kernel/guest-calls.ts'
import { interpreterImports } from '../../engines/quickjs/imports.ts'
import { MemoryDriver } from '../../src/host/memory.ts'
import { GuestFacingError, type HostPort } from '../../src/kernel/host-port.ts'
import { Kernel } from '../../src/kernel/kernel.ts'
import { DEFAULT_LIMITS, type Limits } from '../../src/limits.ts'
import { buildModule } from '../loader-modules.ts'
import { mountPort, port } from '../unit/kernel-guest.ts'
import type { Next } from './numbers.ts'

export const LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  fileBytes: 4_096,
  fileNodes: 14,
  descriptors: 7,
  outputBytes: 200,
  concurrentCalls: 3,
  structuredBytes: 1_024,
  flatBytes: 2_048,
}
const MOST_PAGES = 3
const MOST_HELD = 4_096
const LARGE_BYTES = 1_500

/** memory.grow of its argument, and a memory. */
const GROWING = new WebAssembly.Module(
  buildModule({
    functions: [{ name: 'grow', params: ['i32'], results: ['i32'], code: [0x20, 0, 0x40, 0] }],
    memory: { minimum: 1, maximum: MOST_PAGES, name: 'memory' },
  }),
)

/** The one thing that ends a guest: it gave a pointer that is none. */
export const POINTER_FAULT = 'a guest pointer lies outside its memory'

/** One guest with its kernel; `next` decides what waits, and when the memory grows in the middle of a call. */
export class World {
  readonly memory: WebAssembly.Memory
  readonly kernel: Kernel
  readonly calls: GuestCalls
  readonly drivers = [new MemoryDriver({ '/a': 'mounted' }, LIMITS), new MemoryDriver({}, LIMITS)]
  readonly interpreter: ReturnType<typeof interpreterImports>
  readonly maySuspend: boolean
  /** What came up in an answer that nobody waited for. */
  readonly faults: unknown[] = []
  readonly #grow: (pages: number) => number
  readonly #next: Next

  constructor(next: Next) {
    this.#next = next
    const guest = guestOf(GROWING)
    this.memory = guest.memory
    this.#grow = guest.grow
    this.maySuspend = next(3) > 0
    this.kernel = new Kernel({
      port: this.#port(next(2) === 1),
      limits: LIMITS,
      mounts: ['/m', '/s'],
      deterministic: { seed: 'fuzz', start: '2026-01-01T00:00:00Z' },
    })
    const { process, clock, random } = this.kernel
    this.calls = new GuestCalls(
      (operation, argument) => {
        this.maybeGrow()
        const answer = process.call(operation, argument)
        this.maybeGrow()
        return answer
      },
      (error) => this.faults.push(error),
      this.maySuspend,
      { settle: (answer) => answer, mostHeld: () => MOST_HELD },
    )
    this.calls.memory = this.memory
    this.interpreter = interpreterImports({
      memory: () => this.memory,
      wallMs: () => clock.wallMs(),
      monotonicMs: () => clock.monotonicMs(),
      random: (length) => random.fill(length),
    })
  }

  /** As the guest's own code does it. */
  grow(): void {
    this.#grow(1)
  }

  /** As an import does it that calls into the guest. */
  maybeGrow(): void {
    if (this.#next(8) === 1) this.#grow(1)
  }

  #port(waits: boolean): HostPort {
    return port({
      files: mountPort(this.drivers, waits),
      environment: (name) => (name === 'a' ? 'value' : undefined),
      callTool: (name, input) => this.#callTool(name, input),
    })
  }

  #callTool(name: string, input: Uint8Array): Uint8Array | Promise<Uint8Array> {
    this.maybeGrow()
    if (name === 'now') return input
    if (name === 'large') return new Uint8Array(LARGE_BYTES).fill(7)
    if (name === 'fails') throw new GuestFacingError('TOKA_TOOL_FAILED', 'it fails')
    if (name !== 'later') throw new GuestFacingError('TOKA_TOOL_UNKNOWN', 'there is no such tool')
    return Promise.resolve().then(() => {
      this.maybeGrow()
      return input
    })
  }
}

function guestOf(module: WebAssembly.Module) {
  return new WebAssembly.Instance(module).exports as unknown as {
    memory: WebAssembly.Memory
    grow: (pages: number) => number
  }
}
