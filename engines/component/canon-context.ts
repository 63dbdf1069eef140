/** One crossing of values between a component instance and us: its memory, its allocator, its handles, what may still be moved. */
import { CanonTrap } from './canon-trap.ts'
import type { CallScope, Handle, HandleTable, Representation } from './resources.ts'
import type { WitType } from './wit-types.ts'
import type { ResourceType } from './resource-types.ts'

/** Bytes of strings and byte lists, and values of every kind, that one crossing may still move: lifting burns no fuel. */
export class Budget {
  #bytes: number
  #nodes: number

  constructor(bytes: number, nodes: number) {
    this.#bytes = bytes
    this.#nodes = nodes
  }

  bytes(count: number): void {
    this.#bytes -= count
    if (this.#bytes < 0) throw new CanonTrap('it moves more bytes in one call than a call may')
  }

  nodes(count: number): void {
    this.#nodes -= count
    if (this.#nodes < 0) throw new CanonTrap('it moves more values in one call than a call may')
  }
}

/** A guest's memory as it is at the moment: growing it detaches what was read before. */
export class CanonMemory {
  readonly #memory: WebAssembly.Memory
  #bytes: Uint8Array<ArrayBuffer>
  #view: DataView<ArrayBuffer>

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory
    const buffer = memory.buffer as ArrayBuffer
    this.#bytes = new Uint8Array(buffer)
    this.#view = new DataView(buffer)
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    if (this.#bytes.buffer !== this.#memory.buffer) this.#renew()
    return this.#bytes
  }

  get view(): DataView<ArrayBuffer> {
    if (this.#view.buffer !== this.#memory.buffer) this.#renew()
    return this.#view
  }

  /**
   * Checks a range that the guest named.
   * @returns its start, without sign
   * @throws CanonTrap when it leaves the memory, or is not aligned
   */
  range(pointer: number, length: number, align: number): number {
    const start = pointer >>> 0
    if (start % align !== 0) throw new CanonTrap(`a pointer is not aligned to ${align} bytes`)
    if (start + length > this.bytes.length) throw new CanonTrap('a pointer leads out of its memory')
    return start
  }

  #renew(): void {
    const buffer = this.#memory.buffer as ArrayBuffer
    this.#bytes = new Uint8Array(buffer)
    this.#view = new DataView(buffer)
  }
}

/** Items that have a place in the guest's memory, and are not there yet. */
export type LongList = { readonly element: WitType; readonly items: readonly unknown[]; readonly at: number }

/** What lifting and lowering need to know of the component instance whose values they are. */
export type CanonContext = {
  readonly encoding: 'utf8' | 'utf16' | 'latin1+utf16'
  /** @throws CanonTrap without one */
  readonly memory: CanonMemory
  /** Bytes of the guest's own allocator. @throws CanonTrap when there is none, or it answers nonsense */
  allocate(align: number, size: number): number
  readonly handles: HandleTable
  readonly instance: number
  readonly budget: Budget
  /** Handles that are lent to the callee while it runs. */
  readonly lent: Handle[]
  /** Of the call into the guest, which borrows must not outlive. */
  readonly scope: CallScope | undefined
  /** Long lists whose items need memory of their own: stored in pieces, where the thread can be given up in between. */
  later?: LongList[]
  /** Gives a resource to the embedding program: set where values leave the component for good. */
  readonly handOut?: (resource: ResourceType, rep: Representation) => unknown
}
