/** Ranges of addresses to their last one: what is special, what is left of all, how an address is written. */
import { describe, expect, test } from 'vitest'
import {
  type AddressRange,
  complementOf,
  formatAddress,
  isSpecial,
  maskOf,
  outside,
  parseAddress,
  parseNetwork,
  rangeOf,
  SPECIAL_RANGES,
  tryParseNetwork,
  unmapped,
} from '../../capabilities/address.ts'

const NO_NETWORK = 'must be a network such as "10.0.0.0/8" or "fd00::/8"'
const LAST = { 4: 2n ** 32n - 1n, 6: 2n ** 128n - 1n } as const
const range = (family: 4 | 6, low: bigint, high: bigint): AddressRange => ({ family, low, high })
const rangesOf = (...texts: string[]): AddressRange[] => texts.map((text) => rangeOf(parseNetwork(text)))

describe('texts', () => {
  test.each([
    ['', NO_NETWORK],
    ['/', NO_NETWORK],
    ['/8', NO_NETWORK],
    ['10', NO_NETWORK],
    ['10.0.0.0', NO_NETWORK],
    ['10.0.0.01', NO_NETWORK],
    ['::1', NO_NETWORK],
    ['10.0.0.0/x8', NO_NETWORK],
    ['10.0.0.0/8x', NO_NETWORK],
    ['10.0.0.0/0008', NO_NETWORK],
    ['10.0.0.0/8/8', NO_NETWORK],
    ['10.0.0.0/33', 'has a prefix of more than 32 bits'],
    ['fd00::/129', 'has a prefix of more than 128 bits'],
    ['::ffff:10.0.0.0/104', 'is an IPv4 network in IPv6 form: write it as IPv4'],
    ['10.0.0.1/31', 'has bits set behind its prefix'],
    ['10.128.0.0/8', 'has bits set behind its prefix'],
    ['fd00::1/127', 'has bits set behind its prefix'],
  ])('%j as a network: %s', (text, problem) => {
    expect(tryParseNetwork(text)).toBe(problem)
    expect(() => parseNetwork(text)).toThrow(new TypeError(`network ${JSON.stringify(text)} ${problem}`))
  })

  test.each(['0.0.0.0/0', '10.0.0.0/008', '10.0.0.1/32', '255.255.255.254/31', '::/0', 'fd00::1/128'])(
    '%s is a network',
    (text) => {
      expect(tryParseNetwork(text)).toBeTypeOf('object')
    },
  )

  test('a gap stands once, for at least one group, and never makes up for too many', () => {
    for (const text of ['1:2:3:4:5:6:7:8::1::2', '1:2:3:4::5:6:7:8', '1:2:3:4:5:6:7:8:9::', ':::', '::1:', ':1::'])
      expect(parseAddress(text)).toBeUndefined()
    expect(parseAddress('1:2:3:4::6:7:8')).toEqual(Uint8Array.of(0, 1, 0, 2, 0, 3, 0, 4, 0, 0, 0, 6, 0, 7, 0, 8))
    expect(parseAddress('1:2:3:4:5:6:10.20.30.40')?.slice(12)).toEqual(Uint8Array.of(10, 20, 30, 40))
    expect(parseAddress('0000:0000:0000:0000:0000:ffff:255.255.255.255')).toEqual(new Uint8Array(4).fill(255))
  })

  test('only ::ffff:0:0/96 is IPv4 inside: a bit elsewhere is another address', () => {
    const mapped = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1)
    expect(unmapped(mapped)).toEqual(Uint8Array.of(10, 0, 0, 1))
    for (let index = 0; index < 12; index++) {
      const other = mapped.with(index, 1)
      expect(unmapped(other)).toBe(other)
    }
    const four = new Uint8Array(4)
    expect(unmapped(four)).toBe(four)
  })

  test('an address is written in its family, whole groups in IPv6', () => {
    expect(formatAddress({ family: 4, address: 0x0a010203n })).toBe('10.1.2.3')
    expect(formatAddress({ family: 4, address: LAST[4] })).toBe('255.255.255.255')
    expect(formatAddress({ family: 6, address: 0n })).toBe('0:0:0:0:0:0:0:0')
    expect(formatAddress({ family: 6, address: 0x20010db8000000000000000000ab1000n })).toBe('2001:db8:0:0:0:0:ab:1000')
    expect(formatAddress({ family: 6, address: LAST[6] })).toBe(new Array(8).fill('ffff').join(':'))
  })
})

describe('ranges', () => {
  test('a network is its range and its mask, from no bit to all', () => {
    expect(rangesOf('0.0.0.0/0', '10.0.0.0/9', '10.0.0.1/32')).toEqual([
      range(4, 0n, LAST[4]),
      range(4, 0x0a000000n, 0x0a7fffffn),
      range(4, 0x0a000001n, 0x0a000001n),
    ])
    expect(rangesOf('::/0', 'fd00::/8', '::1/128')).toEqual([
      range(6, 0n, LAST[6]),
      range(6, 0xfdn << 120n, (0xfen << 120n) - 1n),
      range(6, 1n, 1n),
    ])
    const masks = ['0.0.0.0/0', '0.0.0.0/1', '0.0.0.0/8', '0.0.0.0/12', '0.0.0.0/32'].map((text) => [
      ...maskOf(parseNetwork(text)),
    ])
    expect(masks).toEqual([
      [0, 0, 0, 0],
      [128, 0, 0, 0],
      [255, 0, 0, 0],
      [255, 240, 0, 0],
      [255, 255, 255, 255],
    ])
  })

  test('what is left of all addresses lies between the ranges, in both families, in whatever order they are given', () => {
    expect(complementOf([])).toEqual([range(4, 0n, LAST[4]), range(6, 0n, LAST[6])])
    expect(complementOf([range(4, 0n, LAST[4]), range(6, 0n, LAST[6])])).toEqual([])
    expect(complementOf([range(4, 0n, LAST[4] - 1n), range(6, 1n, LAST[6])])).toEqual([
      range(4, LAST[4], LAST[4]),
      range(6, 0n, 0n),
    ])
    const given = [
      range(6, 70n, 80n),
      range(4, 50n, 60n),
      range(4, 10n, 20n),
      range(6, 5n, 6n),
      range(4, 30n, 49n),
      range(4, 12n, 15n),
      range(4, 15n, 21n),
      range(4, 23n, 24n),
    ]
    const expected = [
      range(4, 0n, 9n),
      range(4, 22n, 22n),
      range(4, 25n, 29n),
      range(4, 61n, LAST[4]),
      range(6, 0n, 4n),
      range(6, 7n, 69n),
      range(6, 81n, LAST[6]),
    ]
    expect(complementOf(given)).toEqual(expected)
    expect(complementOf(given.toReversed())).toEqual(expected)
    expect(given[1]).toEqual(range(4, 50n, 60n))
  })

  test('the same numbers of the other family are other addresses', () => {
    expect(outside([range(6, 5n, 9n)], [range(4, 0n, LAST[4])])).toEqual({ family: 6, address: 5n })
    expect(outside([range(4, 5n, 9n)], [range(6, 5n, 9n)])).toEqual({ family: 4, address: 5n })
    // The last address of IPv4 touches nothing of IPv6.
    expect(outside([range(6, 0n, LAST[4] + 1n)], [range(4, 0n, LAST[4]), range(6, 0n, 3n)])).toEqual({
      family: 6,
      address: 4n,
    })
    expect(outside([range(4, 0n, 9n)], [range(4, 0n, 4n), range(6, 5n, 9n)])).toEqual({ family: 4, address: 5n })
  })

  test('the first address outside is named: before, between and behind', () => {
    const left = [range(4, 10n, 30n)]
    expect(outside(left, [range(4, 10n, 30n)])).toBeUndefined()
    expect(outside(left, [range(4, 11n, 30n)])).toEqual({ family: 4, address: 10n })
    expect(outside(left, [range(4, 10n, 29n)])).toEqual({ family: 4, address: 30n })
    expect(outside(left, [range(4, 20n, 30n), range(4, 5n, 15n)])).toEqual({ family: 4, address: 16n })
    expect(outside(left, [range(4, 16n, 40n), range(4, 0n, 15n)])).toBeUndefined()
    expect(outside([range(4, 10n, 12n), range(4, 40n, 41n)], [range(4, 0n, 12n)])).toEqual({ family: 4, address: 40n })
    expect(outside([], [])).toBeUndefined()
  })
})

// Sources: IANA's IPv4 and IPv6 Special-Purpose Address Registries; RFC 1112 and 5771 (224/4), RFC 3056 (2002::/16).
const SPECIAL: readonly [first: string, last: string][] = [
  ['0.0.0.0', '0.255.255.255'],
  ['10.0.0.0', '10.255.255.255'],
  ['100.64.0.0', '100.127.255.255'],
  ['127.0.0.0', '127.255.255.255'],
  ['169.254.0.0', '169.254.255.255'],
  ['172.16.0.0', '172.31.255.255'],
  ['192.0.0.0', '192.0.0.255'],
  ['192.0.2.0', '192.0.2.255'],
  ['192.31.196.0', '192.31.196.255'],
  ['192.52.193.0', '192.52.193.255'],
  ['192.88.99.0', '192.88.99.255'],
  ['192.168.0.0', '192.168.255.255'],
  ['192.175.48.0', '192.175.48.255'],
  ['198.18.0.0', '198.19.255.255'],
  ['198.51.100.0', '198.51.100.255'],
  ['203.0.113.0', '203.0.113.255'],
  ['224.0.0.0', '255.255.255.255'],
  ['::', '1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['2620:4f:8000::', '2620:4f:8000:ffff:ffff:ffff:ffff:ffff'],
  ['3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['4000::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
]

const numberOf = (text: string): bigint => parseAddress(text)!.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)

describe('special addresses', () => {
  test('are exactly those of the registries', () => {
    expect(SPECIAL_RANGES).toEqual(
      SPECIAL.map(([first, last]) => range(first.includes(':') ? 6 : 4, numberOf(first), numberOf(last))),
    )
  })

  test.each(SPECIAL)('from %s to %s each is, and its neighbours are public', (first, last) => {
    const family = first.includes(':') ? 6 : 4
    const isSpecialNumber = (address: bigint): boolean =>
      isSpecial(parseAddress(formatAddress({ family, address })) ?? new Uint8Array())
    expect([numberOf(first), numberOf(last)].map(isSpecialNumber)).toEqual([true, true])
    if (numberOf(first) > 0n) expect(isSpecialNumber(numberOf(first) - 1n)).toBe(false)
    if (numberOf(last) < LAST[family]) expect(isSpecialNumber(numberOf(last) + 1n)).toBe(false)
  })

  test('a number that is special in one family is not for that in the other', () => {
    // 2a00:… is public; its number is far above every IPv4 one. 8.8.8.8 is public, ::808:808 is not.
    expect(['8.8.8.8', '::808:808', '2a00::1'].map((text) => isSpecial(parseAddress(text)!))).toEqual([
      false,
      true,
      false,
    ])
  })
})
