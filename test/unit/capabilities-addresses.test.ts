/** Texts of addresses and networks: one text each, everything near it refused, and ranges that are told apart to one address. */
import { expect, test } from 'vitest'
import { outside, parseAddress, parseNetwork, rangeOf, tryParseNetwork } from '../../capabilities/address.ts'

const hex = (text: string): string | undefined => {
  const bytes = parseAddress(text)
  return bytes && [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

test.each([
  ['0.0.0.0', '00000000'],
  ['255.255.255.255', 'ffffffff'],
  ['::', '0'.repeat(32)],
  ['::1', `${'0'.repeat(31)}1`],
  ['1::', `0001${'0'.repeat(28)}`],
  ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ['1::8', `0001${'0'.repeat(24)}0008`],
  ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
  ['ABCD::EF', `abcd${'0'.repeat(24)}00ef`],
  ['64:ff9b::1.2.3.4', '0064ff9b000000000000000001020304'],
  ['::ffff:10.0.0.1', '0a000001'],
])('%s is read', (text, expected) => {
  expect(hex(text)).toBe(expected)
})

test.each([
  '',
  '1.2.3',
  '1.2.3.4.5',
  '256.1.1.1',
  '01.2.3.4',
  '1.2.3.4x',
  'x1.2.3.4',
  '1.2.3.',
  '0x1.2.3.4',
  ':',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7:8::',
  '1::2::3',
  '12345::',
  '1g::',
  'g1::',
  '::1.2.3',
  '::1.2.3.4.5',
  '1.2.3.4::',
  '::1%eth0',
  '[::1]',
])('%j is no address', (text) => {
  expect(parseAddress(text)).toBeUndefined()
})

test.each([
  ['10.0.0.0', 'must be a network such as'],
  ['10.0.0.0/', 'must be a network such as'],
  ['10.0.0.0/x', 'must be a network such as'],
  ['10.0.0.0/8x', 'must be a network such as'],
  ['x/8', 'must be a network such as'],
  ['10.0.0.0/33', 'has a prefix of more than 32 bits'],
  ['fd00::/129', 'has a prefix of more than 128 bits'],
  ['::ffff:10.0.0.0/104', 'is an IPv4 network in IPv6 form'],
  ['10.0.0.1/8', 'has bits set behind its prefix'],
])('%j is no network, and the text says why', (text, expected) => {
  expect(tryParseNetwork(text)).toContain(expected)
  expect(() => parseNetwork(text)).toThrow(`network ${JSON.stringify(text)} ${expected}`)
})

test('networks that touch are one, those of the other family and those a single address apart are not', () => {
  const ranges = (...texts: string[]) => texts.map((text) => rangeOf(parseNetwork(text)))
  const whole = ranges('10.0.0.0/8')
  expect(outside(whole, ranges('10.128.0.0/9', '10.0.0.0/9'))).toBeUndefined()
  expect(outside(whole, ranges('10.0.0.0/7', '10.1.0.0/16'))).toBeUndefined()
  expect(outside(whole, ranges('10.0.0.0/9'))).toEqual({ family: 4, address: 0x0a800000n })
  expect(outside(whole, ranges('10.128.0.0/9'))).toEqual({ family: 4, address: 0x0a000000n })
  expect(outside(whole, ranges('::/0'))).toEqual({ family: 4, address: 0x0a000000n })
  expect(outside(ranges('10.0.0.0/30'), ranges('10.0.0.0/32', '10.0.0.2/31'))).toEqual({
    family: 4,
    address: 0x0a000001n,
  })
  expect(outside(ranges('::/0', '0.0.0.0/0'), ranges('0.0.0.0/0', '::/0'))).toBeUndefined()
})
