/** The ChaCha20 block function (RFC 8439, section 2.3): 64 bytes of keystream for a key and a counter. */

/** "expand 32-byte k", the constants of RFC 8439. */
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const

/**
 * @param key eight words, little-endian
 * @param counter block number, below 2^32
 * @param nonce three words
 * @returns sixteen words, to be read little-endian
 */
export function chachaBlock(key: Uint32Array, counter: number, nonce: Uint32Array): Uint32Array {
  const start = new Uint32Array(16)
  start.set(CONSTANTS, 0)
  start.set(key, 4)
  start[12] = counter
  start.set(nonce, 13)
  const state = start.slice()
  for (let round = 0; round < 10; round++) {
    quarter(state, 0, 4, 8, 12)
    quarter(state, 1, 5, 9, 13)
    quarter(state, 2, 6, 10, 14)
    quarter(state, 3, 7, 11, 15)
    quarter(state, 0, 5, 10, 15)
    quarter(state, 1, 6, 11, 12)
    quarter(state, 2, 7, 8, 13)
    quarter(state, 3, 4, 9, 14)
  }
  for (let index = 0; index < 16; index++) state[index] = (state[index] as number) + (start[index] as number)
  return state
}

function quarter(state: Uint32Array, a: number, b: number, c: number, d: number): void {
  mix(state, a, b, d, 16)
  mix(state, c, d, b, 12)
  mix(state, a, b, d, 8)
  mix(state, c, d, b, 7)
}

/** to += by; turned = (turned ^ to) <<< bits */
function mix(state: Uint32Array, to: number, by: number, turned: number, bits: number): void {
  state[to] = (state[to] as number) + (state[by] as number)
  const word = (state[turned] as number) ^ (state[to] as number)
  state[turned] = (word << bits) | (word >>> (32 - bits))
}
