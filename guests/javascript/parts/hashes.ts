/** Node's `crypto`, as far as hashes and random numbers go: @noble/hashes, and the kernel's random numbers. */
import { hmac } from '@noble/hashes/hmac.js'
import { md5, ripemd160, sha1 } from '@noble/hashes/legacy.js'
import { sha224, sha256, sha384, sha512, sha512_256 } from '@noble/hashes/sha2.js'
import { sha3_256, sha3_384, sha3_512 } from '@noble/hashes/sha3.js'
import { codedError, invalidType, outOfRange } from '../failures.ts'
import { decodeText, encodeText, encodingOf } from '../files/encodings.ts'
import { subset } from '../modules/subset.ts'
import { part } from '../parts.ts'
import { setImmediate } from '../timers.ts'
import { bytesIn } from '../web/bytes.ts'

const ALGORITHMS = {
  md5,
  ripemd160,
  sha1,
  sha224,
  sha256,
  sha384,
  sha512,
  'sha512-256': sha512_256,
  'sha3-256': sha3_256,
  'sha3-384': sha3_384,
  'sha3-512': sha3_512,
}
type Algorithm = (typeof ALGORITHMS)[keyof typeof ALGORITHMS]

/** What a hash under way has in common. */
type Running = { update(bytes: Uint8Array): unknown; digest(): Uint8Array; clone?(): Running }

const { crypto: web, fillRandom } = part<typeof import('./crypto.ts')>('crypto')
const bufferOf = (bytes: Uint8Array) => part<typeof import('./buffer.ts')>('buffer').bufferOf(bytes)

/** Node takes `SHA-256` for `sha256` too. */
function algorithmOf(name: unknown): Algorithm {
  if (typeof name !== 'string') throw invalidType('algorithm', 'of type string', name)
  const plain = name.toLowerCase().replace(/^sha-/, 'sha').replace('/', '-')
  const found = Object.hasOwn(ALGORITHMS, plain) ? ALGORITHMS[plain as keyof typeof ALGORITHMS] : undefined
  if (found) return found
  const known = Object.keys(ALGORITHMS).join(', ')
  throw codedError('ERR_OSSL_EVP_UNSUPPORTED', `Digest method not supported: ${name}. A sandbox has ${known}`)
}

function bytesFrom(data: unknown, encoding: unknown, name: string): Uint8Array {
  if (typeof data === 'string') return encodeText(data, encodingOf(encoding) ?? 'utf8')
  const bytes = bytesIn(data)
  if (bytes === undefined)
    throw invalidType(name, 'of type string or an instance of Buffer, TypedArray or DataView', data)
  return bytes
}

/** `Hash` and `Hmac`: fed in parts, read once. */
class Digest {
  readonly #running: Running
  #isRead = false

  constructor(running: Running) {
    this.#running = running
  }

  update(data: unknown, encoding?: unknown): this {
    this.#mustBeOpen()
    this.#running.update(bytesFrom(data, encoding, 'data'))
    return this
  }

  /** @returns a Buffer, or text in the encoding */
  digest(encoding?: unknown): Uint8Array | string {
    this.#mustBeOpen()
    this.#isRead = true
    const bytes = this.#running.digest()
    const named = encodingOf(encoding)
    return named === undefined ? bufferOf(bytes) : decodeText(bytes, named)
  }

  copy(): Digest {
    this.#mustBeOpen()
    return new Digest((this.#running.clone as () => Running)())
  }

  #mustBeOpen(): void {
    if (this.#isRead) throw codedError('ERR_CRYPTO_HASH_FINALIZED', 'Digest already called')
  }
}

const MOST_RANDOM = 2 ** 31 - 1

function randomBytes(size: unknown, done?: unknown): Uint8Array | undefined {
  if (typeof size !== 'number') throw invalidType('size', 'of type number', size)
  if (!(size >= 0 && size <= MOST_RANDOM)) throw outOfRange('size', `>= 0 && <= ${MOST_RANDOM}`, size)
  const bytes = bufferOf(new Uint8Array(Math.floor(size)))
  fillRandom(bytes)
  if (typeof done !== 'function') return bytes
  setImmediate(done as () => void, null, bytes)
  return undefined
}

const MOST_RANGE = 2 ** 48 - 1

/** A whole number below `max`, from `min` on, each as likely as the others. */
function randomInt(min: number, max?: number): number {
  const [low, high] = max === undefined ? [0, min] : [min, max]
  const range = high - low
  if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high)) throw invalidType('max', 'a safe integer', high)
  if (!(range > 0 && range <= MOST_RANGE))
    throw outOfRange('max', `greater than min and within ${MOST_RANGE} of it`, high)
  const fair = 2 ** 48 - (2 ** 48 % range)
  for (;;) {
    const bytes = new Uint8Array(6)
    fillRandom(bytes)
    const drawn = bytes.reduce((number, byte) => number * 256 + byte, 0)
    if (drawn < fair) return low + (drawn % range)
  }
}

/** Compares without telling by its time where two differ. */
function timingSafeEqual(a: unknown, b: unknown): boolean {
  const [first, second] = [bytesFrom(a, 'hex', 'buf1'), bytesFrom(b, 'hex', 'buf2')]
  if (first.length !== second.length)
    throw codedError('ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH', 'Input buffers must have the same byte length', RangeError)
  let differing = 0
  for (let at = 0; at < first.length; at++) differing |= (first[at] as number) ^ (second[at] as number)
  return differing === 0
}

const TOOL = 'give the run a tool that does it'

export const hashes = subset(
  'crypto',
  {
    createHash: (algorithm: unknown) => new Digest(algorithmOf(algorithm).create()),
    createHmac: (algorithm: unknown, key: unknown) =>
      new Digest(hmac.create(algorithmOf(algorithm), bytesFrom(key, 'utf8', 'key'))),
    getHashes: () => Object.keys(ALGORITHMS),
    getRandomValues: <T extends ArrayBufferView>(array: T): T => web.getRandomValues(array),
    hash: (algorithm: unknown, data: unknown, encoding: unknown = 'hex') =>
      new Digest(algorithmOf(algorithm).create()).update(data).digest(encoding),
    randomBytes,
    randomInt,
    randomUUID: () => web.randomUUID(),
    timingSafeEqual,
    webcrypto: web,
  },
  { createCipheriv: TOOL, createDecipheriv: TOOL, createSign: TOOL, createVerify: TOOL, subtle: TOOL },
)
