/** IP addresses and networks as text in, bytes and ranges of whole numbers out. */

/** Four or sixteen bytes. */
export type Address = Uint8Array

/** A network: its first address, and how many leading bits count. */
export type Network = { address: Address; prefix: number }

/** Addresses from `low` to `high`, as numbers of one family. */
export type AddressRange = { family: 4 | 6; low: bigint; high: bigint }

function parse4(text: string): Address | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  // One form a byte: no leading zero (octal in some parsers), no hexadecimal, no missing part.
  if (!parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return undefined
  return new Uint8Array(parts.map(Number))
}

function groups6(text: string): number[] | undefined {
  if (text === '') return []
  const out: number[] = []
  for (const part of text.split(':')) {
    if (!/^[0-9a-f]{1,4}$/i.test(part)) return undefined
    out.push(Number.parseInt(part, 16))
  }
  return out
}

/** The last 32 bits may be written as an IPv4 address (RFC 4291, section 2.2). */
function withoutDots(text: string): string | undefined {
  const colon = text.lastIndexOf(':')
  const tail = text.slice(colon + 1)
  if (!tail.includes('.')) return text
  const four = parse4(tail)
  if (!four) return undefined
  const [a, b, c, d] = four as unknown as [number, number, number, number]
  return `${text.slice(0, colon + 1)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}

function parse6(given: string): Address | undefined {
  const text = withoutDots(given)
  if (text === undefined) return undefined
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = groups6(halves[0]!)
  const tail = halves.length === 2 ? groups6(halves[1]!) : []
  if (!head || !tail) return undefined
  const missing = 8 - head.length - tail.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  ;[...head, ...new Array<number>(missing).fill(0), ...tail].forEach((group, index) => {
    view.setUint16(index * 2, group)
  })
  return bytes
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

/** An IPv4 address inside an IPv6 one (`::ffff:10.0.0.1`) is that IPv4 address: what the system connects to. */
export function unmapped(address: Address): Address {
  return MAPPED.every((byte, index) => address[index] === byte) ? address.slice(12) : address
}

/**
 * Reads an address in its plain form: four decimal numbers, or IPv6 without brackets and zone.
 * @returns 4 or 16 bytes; undefined for anything else
 */
export function parseAddress(text: string): Address | undefined {
  const bytes = text.includes(':') ? parse6(text) : parse4(text)
  return bytes && unmapped(bytes)
}

/**
 * Reads a network such as `10.0.0.0/8`.
 * @returns the network, or what is wrong with it, in words
 */
export function tryParseNetwork(text: string): Network | string {
  const slash = text.indexOf('/')
  const first = text.slice(0, slash)
  const address = first.includes(':') ? parse6(first) : parse4(first)
  const prefix = text.slice(slash + 1)
  if (!address || !/^\d{1,3}$/.test(prefix)) return 'must be a network such as "10.0.0.0/8" or "fd00::/8"'
  if (Number(prefix) > address.length * 8) return `has a prefix of more than ${address.length * 8} bits`
  if (unmapped(address) !== address) return 'is an IPv4 network in IPv6 form: write it as IPv4'
  const network = { address, prefix: Number(prefix) }
  const mask = maskOf(network)
  if (address.some((byte, index) => (byte & ~mask[index]!) !== 0)) return 'has bits set behind its prefix'
  return network
}

/** A network of a text that was checked before. */
export function parseNetwork(text: string): Network {
  const network = tryParseNetwork(text)
  if (typeof network === 'string') throw new TypeError(`network ${JSON.stringify(text)} ${network}`)
  return network
}

export function maskOf({ address, prefix }: Network): Uint8Array {
  return Uint8Array.from(address, (_, index) => {
    const bits = Math.min(Math.max(prefix - index * 8, 0), 8)
    return (0xff << (8 - bits)) & 0xff
  })
}

function numberOf(address: Address): bigint {
  return address.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
}

export function rangeOf(network: Network): AddressRange {
  const bits = BigInt(network.address.length * 8)
  const low = numberOf(network.address)
  return { family: bits === 32n ? 4 : 6, low, high: low + (1n << (bits - BigInt(network.prefix))) - 1n }
}

/** Ranges that touch become one; sorted. */
function merged(ranges: readonly AddressRange[]): AddressRange[] {
  const sorted = [...ranges].sort((a, b) => a.family - b.family || (a.low < b.low ? -1 : 1))
  const out: AddressRange[] = []
  for (const range of sorted) {
    const last = out.at(-1)
    if (last && last.family === range.family && range.low <= last.high + 1n) {
      if (range.high > last.high) last.high = range.high
    } else out.push({ ...range })
  }
  return out
}

/** The first address that `left` holds and `right` does not. */
export function outside(
  left: readonly AddressRange[],
  right: readonly AddressRange[],
): { family: 4 | 6; address: bigint } | undefined {
  const holders = merged(right)
  for (const { family, low, high } of merged(left)) {
    const holder = holders.find((range) => range.family === family && range.low <= low && low <= range.high)
    if (!holder) return { family, address: low }
    if (holder.high < high) return { family, address: holder.high + 1n }
  }
  return undefined
}

/** What is left of all addresses. */
export function complementOf(ranges: readonly AddressRange[]): AddressRange[] {
  const out: AddressRange[] = []
  for (const family of [4, 6] as const) {
    const last = (1n << (family === 4 ? 32n : 128n)) - 1n
    let next = 0n
    for (const range of merged(ranges).filter((one) => one.family === family)) {
      if (range.low > next) out.push({ family, low: next, high: range.low - 1n })
      next = range.high + 1n
    }
    if (next <= last) out.push({ family, low: next, high: last })
  }
  return out
}

/** A number of `outside` as people write it. */
export function formatAddress({ family, address }: { family: 4 | 6; address: bigint }): string {
  const size = family === 4 ? 4 : 8
  const width = family === 4 ? 8n : 16n
  const parts = Array.from(
    { length: size },
    (_, index) => (address >> (width * BigInt(size - 1 - index))) & ((1n << width) - 1n),
  )
  if (family === 4) return parts.join('.')
  return parts.map((part) => part.toString(16)).join(':')
}

/**
 * Addresses that are not the public internet: IANA's special-purpose registries for IPv4 and IPv6 (RFC 6890 and
 * successors), multicast, and the prefixes that carry an IPv4 address which a gateway would unpack.
 */
const SPECIAL = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]
/** Of IPv6 only global unicast (2000::/3) is public, less these. */
const SPECIAL_6 = ['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20']

const globalUnicast = rangeOf(parseNetwork('2000::/3'))

/** Every address that needs a network of its own to be granted. */
export const SPECIAL_RANGES: readonly AddressRange[] = merged([
  ...[...SPECIAL, ...SPECIAL_6].map((text) => rangeOf(parseNetwork(text))),
  { family: 6, low: 0n, high: globalUnicast.low - 1n },
  { family: 6, low: globalUnicast.high + 1n, high: (1n << 128n) - 1n },
])

/** Whether an address is private, loopback, link-local or otherwise not of the public internet. */
export function isSpecial(address: Address): boolean {
  const family = address.length === 4 ? 4 : 6
  const number = numberOf(address)
  return SPECIAL_RANGES.some((range) => range.family === family && range.low <= number && number <= range.high)
}
