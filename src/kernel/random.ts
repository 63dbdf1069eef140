/** Random bytes: the runtime's own by default, a ChaCha20 keystream of the seed where a run is deterministic. */
import { chachaBlock } from './chacha20.ts'

/** Bytes that `crypto.getRandomValues` fills at once (Web Crypto, section 10.1.1). */
const WEB_CRYPTO_BYTES = 65_536
const BLOCK_BYTES = 64
const KEY_BYTES = 32
const NO_NONCE = new Uint32Array(3)

export class Random {
  #key: Uint32Array | undefined
  #counter = 0
  #block: Uint8Array = new Uint8Array(0)

  /**
   * @param seed makes the bytes a function of the seed; without it they are real
   * @param checkpoint 32 bytes of an earlier source: with the seed they decide where this one goes on
   */
  constructor(seed?: string, checkpoint?: Uint8Array) {
    this.#key = seed === undefined ? undefined : keyOf(seed, checkpoint)
  }

  fill(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    if (this.#key === undefined) {
      for (let at = 0; at < length; at += WEB_CRYPTO_BYTES)
        crypto.getRandomValues(bytes.subarray(at, at + WEB_CRYPTO_BYTES))
      return bytes
    }
    for (let at = 0; at < length; ) {
      if (this.#block.length === 0) this.#block = blockBytes(this.#key, this.#counter++)
      const piece = this.#block.subarray(0, length - at)
      bytes.set(piece, at)
      at += piece.length
      this.#block = this.#block.subarray(piece.length)
    }
    return bytes
  }

  /** What a fork or a snapshot keeps to go on from; undefined for a real source. Moves this source on, so twins differ. */
  checkpoint(): Uint8Array | undefined {
    return this.#key === undefined ? undefined : this.fill(KEY_BYTES)
  }
}

/** Chains 32-byte pieces, zero-filled, through the block function, with the length as counter. No secret: a seed is public. */
function keyOf(seed: string, checkpoint: Uint8Array = new Uint8Array(0)): Uint32Array {
  let key = new Uint32Array(8)
  for (const text of [new TextEncoder().encode(seed), checkpoint]) {
    for (let at = 0; at < text.length; at += KEY_BYTES) {
      const piece = new Uint8Array(KEY_BYTES)
      piece.set(text.subarray(at, at + KEY_BYTES))
      const mixed = words(piece).map((word, index) => word ^ (key[index] as number))
      key = chachaBlock(mixed, text.length, NO_NONCE).slice(0, 8)
    }
  }
  return key
}

function blockBytes(key: Uint32Array, counter: number): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES)
  const view = new DataView(bytes.buffer)
  chachaBlock(key, counter, NO_NONCE).forEach((word, index) => view.setUint32(index * 4, word, true))
  return bytes
}

function words(bytes: Uint8Array): Uint32Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return new Uint32Array(8).map((_, index) => view.getUint32(index * 4, true))
}
