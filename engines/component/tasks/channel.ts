/** Streams and futures between two ends: whoever comes first leaves a buffer, the other copies (CanonicalABI.md, "Stream State"). */
import { CanonTrap } from '../canon-trap.ts'
import type { InstanceState } from '../instance-state.ts'
import type { ChannelType, WitType } from '../wit-types.ts'

/** Values on their way: bytes, a list, or of a channel without a type their number. */
export type Values = Uint8Array | readonly unknown[] | number

export function countOf(values: Values): number {
  return typeof values === 'number' ? values : values.length
}

/** Where one end's values lie, or shall lie. */
export interface CopyBuffer {
  /** Values, or places for them, that are left. */
  readonly left: number
  /** Of how many in all. */
  readonly length: number
}

export interface ReadBuffer extends CopyBuffer {
  write(values: Values): void
}

export interface WriteBuffer extends CopyBuffer {
  /** @param count at most `left` */
  read(count: number): Values
}

export type CopyResult = 'completed' | 'dropped' | 'cancelled'

/** How an end hears of its copy. */
export type CopyListener = {
  /** Values were moved, and more may be until it takes its buffer back. */
  copied(takeBack: () => void): void
  done(result: CopyResult): void
}

/** The end that is read from: a guest's channel, or the host's. */
export interface Readable {
  /** @param reader whose buffer it is; undefined for the host */
  read(reader: InstanceState | undefined, into: ReadBuffer, listener: CopyListener): void
  cancel(): void
  drop(): void
}

/** Values of one rendezvous: what is left is told as a copy of fewer. */
const MOST_BYTES = 2 ** 20
const MOST_VALUES = 2 ** 14

export function mostAtOnce(element: WitType | undefined): number {
  return element === undefined ? Infinity : element.kind === 'u8' ? MOST_BYTES : MOST_VALUES
}

const NUMBERS: ReadonlySet<string> = new Set(['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64', 'f32', 'f64'])

type Pending<Buffer> = { of: InstanceState | undefined; buffer: Buffer; listener: CopyListener }

/** A channel that a guest made: it has both ends, wherever they are now. */
export class GuestChannel implements Readable {
  readonly type: ChannelType
  #isDropped = false
  #reader: Pending<ReadBuffer> | undefined
  #writer: Pending<WriteBuffer> | undefined

  constructor(type: ChannelType) {
    this.type = type
  }

  read(reader: InstanceState | undefined, into: ReadBuffer, listener: CopyListener): void {
    const own = { of: reader, buffer: into, listener }
    const writer = this.#writer
    if (writer) this.#meet(reader, writer)
    if (writer && writer.buffer.left > 0) {
      if (into.left > 0) this.#copy(into, writer.buffer, writer.listener)
      listener.done('completed')
      return
    }
    if (writer) this.#release('completed')
    if (this.#isDropped) listener.done('dropped')
    else this.#reader = own
  }

  write(writer: InstanceState | undefined, from: WriteBuffer, listener: CopyListener): void {
    const reader = this.#reader
    if (this.#isDropped) return listener.done('dropped')
    if (!reader) {
      this.#writer = { of: writer, buffer: from, listener }
      return
    }
    this.#meet(writer, reader)
    if (reader.buffer.left > 0) {
      if (from.left > 0) this.#copy(reader.buffer, from, reader.listener)
      listener.done('completed')
    } else if (from.length === 0 && reader.buffer.length === 0) listener.done('completed')
    else {
      this.#release('completed')
      this.#writer = { of: writer, buffer: from, listener }
    }
  }

  cancel(): void {
    this.#release('cancelled')
  }

  /** One end is gone; the other hears of it. */
  drop(): void {
    if (this.#isDropped) return
    this.#isDropped = true
    this.#release('dropped')
  }

  /** A restriction of the specification, for now: values that are more than numbers do not travel inside one instance. */
  #meet(of: InstanceState | undefined, { of: other }: Pending<unknown>): void {
    const { element } = this.type
    if (of && of === other && element && !NUMBERS.has(element.kind))
      throw new CanonTrap('both ends of a stream or future of such values are in one component instance')
  }

  #copy(into: ReadBuffer, from: WriteBuffer, waiting: CopyListener): void {
    into.write(from.read(Math.min(into.left, from.left, mostAtOnce(this.type.element))))
    if (this.type.kind === 'future') this.#release('completed')
    else waiting.copied(() => this.#forget())
  }

  #forget(): void {
    this.#reader = undefined
    this.#writer = undefined
  }

  #release(result: CopyResult): void {
    const waiting = this.#reader ?? this.#writer
    this.#forget()
    waiting?.listener.done(result)
  }
}
