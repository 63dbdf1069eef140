/** Binary floats of 16, 32 and 64 bits as CBOR stores them: the shortest that keeps a number. */

const scratch = new DataView(new ArrayBuffer(8))

/** Bits of the one NaN of the format (RFC 8949, section 4.2.2). */
export const NAN_HALF = 0x7e00

/** The 16-bit pattern of a number, or -1 when 16 bits cannot hold it. */
export function toHalf(value: number): number {
  if (Number.isNaN(value)) return NAN_HALF
  scratch.setFloat32(0, value)
  if (scratch.getFloat32(0) !== value) return -1
  const bits = scratch.getUint32(0)
  const sign = (bits >>> 16) & 0x8000
  const exponent = (bits >>> 23) & 0xff
  const fraction = bits & 0x7fffff
  if (exponent === 0xff) return sign | 0x7c00 // infinity: NaN is gone
  if (exponent === 0 && fraction === 0) return sign
  const power = exponent - 127
  if (power > 15 || power < -24) return -1
  if (power >= -14) return fraction & 0x1fff ? -1 : sign | ((power + 15) << 10) | (fraction >>> 13)
  const shift = -power - 1 // subnormal: value = significand x 2^-24, the implicit bit made explicit
  const significand = 0x800000 | fraction
  return significand & ((1 << shift) - 1) ? -1 : sign | (significand >>> shift)
}

/** The number of a 16-bit pattern. */
export function fromHalf(bits: number): number {
  const exponent = (bits >>> 10) & 0x1f
  const fraction = bits & 0x3ff
  const sign = bits & 0x8000 ? -1 : 1
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** Whether 32 bits hold the number. NaN is never asked: it is a half. */
export function fitsSingle(value: number): boolean {
  return Math.fround(value) === value
}
