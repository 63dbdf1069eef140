/** Bytes in, the same bytes with a few changes out: other values, cuts, repeats, parts of other inputs. */
import { type Next, pick } from './numbers.ts'

/** Bytes that mean something in wasm or in CBOR: opcodes, prefixes, types, the ends of LEB128 and of CBOR's heads. */
const INTERESTING = [
  0x00, 0x01, 0x7f, 0x80, 0xff, 0x0b, 0x03, 0x06, 0x10, 0x11, 0xfc, 0xfd, 0xfe, 0x60, 0x40, 0x9b, 0xbb, 0xc2, 0xd9,
  0xf9, 0xfb,
]

/** Longest piece that is repeated or put in. */
const PIECE = 16

/** One to four changes. Most fall into the first `focus` bytes. */
export function mutateBytes(
  bytes: Uint8Array<ArrayBuffer>,
  next: Next,
  { focus = bytes.length, other = bytes }: { focus?: number; other?: Uint8Array } = {},
): Uint8Array<ArrayBuffer> {
  let out = bytes.slice()
  for (let left = 1 + next(4); left > 0 && out.length > 0; left--) {
    const at = next(next(3) === 0 ? out.length : Math.min(focus, out.length))
    const how = next(9)
    if (how < 4) out[at] = pick(next, INTERESTING)
    else if (how < 6) out[at] = next(256)
    else if (how === 6) out = out.slice(0, at)
    else {
      const from = how === 7 ? out : other
      const start = how === 7 ? Math.max(0, at - next(PIECE)) : next(Math.max(1, other.length))
      out = insert(out, at, from.subarray(start, how === 7 ? at : start + next(PIECE)))
    }
  }
  return out
}

function insert(into: Uint8Array, at: number, piece: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(into.length + piece.length)
  out.set(into.subarray(0, at))
  out.set(piece, at)
  out.set(into.subarray(at), at + piece.length)
  return out
}
