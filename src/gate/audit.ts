/**
 * Decisions in, a chain of hashes out: binary records, hashed in batches, each batch over the head of the one before.
 *
 * A record is u32 number, f64 time (ms since 1970), u8 operation, u8 reason (0 = allowed), u8 link, u8 0, u32 bytes
 * allowed, u16 length of the resource, all little-endian, then the resource in UTF-8.
 */
import { sha256 } from '@noble/hashes/sha2.js'

/** Bytes of a record before its resource. */
const HEADER = 22
/** Bytes of a batch: full ones are hashed, a denial is at once. */
const BATCH = 16_384
/** Bytes kept for reading; the chain goes on over what was dropped. */
const KEPT = 262_144
const HASH = 32
/** The head before the first record, in hexadecimal. */
const NO_RECORDS = '0'.repeat(2 * HASH)

/** Hashed records with the head before and after them. */
export type AuditBatch = { previous: Uint8Array; bytes: Uint8Array; head: Uint8Array }

export type AuditRecord = {
  time: number
  operation: number
  /** A reason of isa.ts; 0 when it was allowed. */
  reason: number
  link: number
  /** Bytes that the call was allowed to move. */
  amount: number
  resource: string
}

function hashBatch(previous: Uint8Array, bytes: Uint8Array): Uint8Array {
  return sha256.create().update(previous).update(bytes).digest()
}

/** Whether batches follow one another and none was changed. */
export function verifyAudit(batches: readonly AuditBatch[]): boolean {
  return batches.every(({ previous, bytes, head }, index) => {
    const follows = index === 0 || toHex(batches[index - 1]!.head) === toHex(previous)
    return follows && toHex(hashBatch(previous, bytes)) === toHex(head)
  })
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The audit trail of one gate. */
export class Audit {
  /** Made for the first record: most runs ask for nothing. */
  #buffer = new Uint8Array(0)
  #view = new DataView(this.#buffer.buffer)
  readonly #encoder = new TextEncoder()
  #batches: AuditBatch[] = []
  #keptBytes = 0
  #used = 0
  #records = 0
  #head: Uint8Array = new Uint8Array(HASH)
  /** `#head` in hexadecimal, asked for after every run. */
  #text = NO_RECORDS

  /** Decisions recorded so far. */
  get records(): number {
    return this.#records
  }

  /** Hash over every record so far, in hexadecimal. */
  get head(): string {
    this.#flush()
    return this.#text
  }

  /** The newest batches, oldest first. */
  get batches(): readonly AuditBatch[] {
    this.#flush()
    return this.#batches
  }

  add({ time, operation, reason, link, amount, resource }: AuditRecord): void {
    if (this.#buffer.length === 0) this.#makeRoom()
    // A resource takes at most three bytes for each unit of UTF-16.
    if (this.#used + HEADER + resource.length * 3 > BATCH) this.#flush()
    const at = this.#used
    const view = this.#view
    const { written } = this.#encoder.encodeInto(resource, this.#buffer.subarray(at + HEADER))
    view.setUint32(at, this.#records++, true)
    view.setFloat64(at + 4, time, true)
    view.setUint8(at + 12, operation)
    view.setUint8(at + 13, reason)
    view.setUint8(at + 14, link)
    view.setUint8(at + 15, 0)
    view.setUint32(at + 16, Math.min(amount, 0xffffffff), true)
    view.setUint16(at + 20, written, true)
    this.#used = at + HEADER + written
    if (reason !== 0) this.#flush()
  }

  #makeRoom(): void {
    this.#buffer = new Uint8Array(BATCH)
    this.#view = new DataView(this.#buffer.buffer)
  }

  #flush(): void {
    if (this.#used === 0) return
    const bytes = this.#buffer.slice(0, this.#used)
    const previous = this.#head
    this.#head = hashBatch(previous, bytes)
    this.#text = toHex(this.#head)
    this.#batches.push({ previous, bytes, head: this.#head })
    this.#used = 0
    this.#keptBytes += bytes.length
    while (this.#keptBytes > KEPT && this.#batches.length > 1) this.#keptBytes -= this.#batches.shift()!.bytes.length
  }
}
