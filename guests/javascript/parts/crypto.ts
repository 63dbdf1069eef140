/** `crypto`: random numbers of the kernel. Nothing else of Web Crypto is there. */
import { callHost, codedError } from '../failures.ts'
import { withWord } from '../natives.ts'
import { RANDOM_BYTES, RandomFill } from '../operations.generated.ts'
import { bytesLength, bytesTag, setBytes, toHex, viewOf } from '../primordials.ts'
import { tagClass } from '../realm/define.ts'
import { bytesIn } from '../web/bytes.ts'

/** Fills an array of bytes, in as many calls as it takes. */
export function fillRandom(bytes: Uint8Array): void {
  const length = bytesLength(bytes)
  for (let at = 0; at < length; ) {
    const part = length - at < RANDOM_BYTES ? length - at : RANDOM_BYTES
    setBytes(bytes, callHost(RandomFill, withWord(part, 0)), at)
    at += part
  }
}

class Crypto {
  /** @throws DOMException QuotaExceededError beyond 65,536 bytes, TypeMismatchError for arrays of floats */
  getRandomValues<T extends ArrayBufferView>(array: T): T {
    const tag = bytesTag(array)
    if (tag === undefined || tag.startsWith('Float')) {
      throw new DOMException('The data argument must be an integer-type TypedArray', 'TypeMismatchError')
    }
    const bytes = bytesIn(array) as Uint8Array
    if (bytesLength(bytes) > 65_536) {
      throw new DOMException(`The requested length exceeds 65,536 bytes`, 'QuotaExceededError')
    }
    fillRandom(bytes)
    return array
  }

  get subtle(): never {
    throw codedError(
      'ERR_TOKA_NOT_AVAILABLE',
      'crypto.subtle is not available in a sandbox: give the run a tool that does it',
    )
  }

  /** A version 4 UUID (RFC 9562). */
  randomUUID(): string {
    const bytes = new Uint8Array(16)
    fillRandom(bytes)
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
    const part = (start: number, end: number) => toHex(viewOf(bytes, start, end - start))
    return `${part(0, 4)}-${part(4, 6)}-${part(6, 8)}-${part(8, 10)}-${part(10, 16)}`
  }
}

tagClass(Crypto, 'Crypto')

export const crypto = new Crypto()
