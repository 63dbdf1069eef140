/** Texts of tokens before any signature is looked at: what is refused, where, as what, and in which words. */
import { describe, expect, test } from 'vitest'
import { decodeBase64url, encodeBase64url } from '../../capabilities/tokens/base64url.ts'
import { splitToken } from '../../capabilities/tokens/chain.ts'
import { signJws, splitJws, verifyJws } from '../../capabilities/tokens/jws.ts'
import { generateJwk, importSigningKey, importVerifyingKey, publicJwk } from '../../capabilities/tokens/keys.ts'
import { parseStrictJson } from '../../capabilities/tokens/strict-json.ts'
import { TokenError } from '../../capabilities/tokens/token-error.ts'

const encoder = new TextEncoder()
const part = (value: unknown): string =>
  encodeBase64url(encoder.encode(typeof value === 'string' ? value : JSON.stringify(value)))

/** What a refusal says, with its code. */
async function refusalOf(work: () => unknown): Promise<string> {
  try {
    await work()
    return 'accepted'
  } catch (error) {
    if (!(error instanceof TokenError)) throw error
    return `${error.problem}: ${error.message}`
  }
}

describe('base64url', () => {
  test.each([
    'A',
    'AAAAA',
    'éAAA',
    'AAA\u0080',
    'AAA\u{1f600}',
    'AA=',
    'AA==',
    'A+==',
    'A/',
    'AB',
    'AAB',
    ' AA',
    'AA\n',
    'Aé',
    'A\u0080',
    'A\u{1f600}',
  ])('%j is no text of any bytes', (text) => expect(decodeBase64url(text)).toBeUndefined())

  test('each letter has its value, and bytes of every length come back', () => {
    expect([...decodeBase64url('-_-_')!]).toEqual([0xfb, 0xff, 0xbf])
    expect([...decodeBase64url('')!]).toEqual([])
    for (let length = 0; length < 70; length++) {
      const bytes = Uint8Array.from({ length }, (_, index) => (index * 37 + length) & 0xff)
      const text = encodeBase64url(bytes)
      expect(text).toHaveLength(Math.ceil((length * 4) / 3))
      expect(decodeBase64url(text)).toEqual(bytes)
    }
  })
})

describe('strict JSON', () => {
  const parse = (text: string): unknown => parseStrictJson(encoder.encode(text))

  test.each([
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '[{"b":{"a":1,"a":1}}]',
    '[1,[2,{"a":1,"a":1}],3]',
    '{"x":"\\"","a":1,"a":2}',
    '{"a" : 1 , "a" : 2}',
    ' \t\r\n{ "a" :\n[ 1 ,\t2 ] , "a":0 } ',
    '{"a":"{}","a":1}',
    '{"a\\\\":1,"a\\\\":2}',
  ])('a name twice is refused: %s', (text) => {
    expect(JSON.parse(text)).toBeDefined()
    expect(parse(text)).toBeUndefined()
  })

  test.each([
    '{"a":1,"b":{"a":2}}',
    '[{"a":1},{"a":1}]',
    '{"\\\\":1,"\\"":2,"\\\\\\"":3}',
    '{"a":"a","b":["a","a"]}',
    ' { "a" : -1.5e+3 , "b" : [ true , false , null ] } ',
    '""',
    '0',
    '[]',
    '{}',
  ])('names once are taken: %s', (text) => expect(parse(text)).toEqual(JSON.parse(text)))

  test('depth has an end', () => {
    const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`
    expect(parse(nested(33))).toBeDefined()
    expect(parse(nested(34))).toBeUndefined()
    expect(parse(`{"a":${nested(32)}}`)).toBeDefined()
    expect(parse(`{"a":${nested(33)}}`)).toBeUndefined()
  })

  test.each([
    [[0x22, 0xff, 0x22]],
    [[0xef, 0xbb, 0xbf, 0x30]],
    [[...encoder.encode('{')]],
    [[...encoder.encode('1 2')]],
    [[]],
  ])('bytes that are no JSON in UTF-8 are refused: %j', (bytes) =>
    expect(parseStrictJson(new Uint8Array(bytes))).toBeUndefined(),
  )
})

describe('a JWS', async () => {
  const { alg, jwk } = await generateJwk()
  const signing = await importSigningKey(jwk, alg)
  const verifying = await importVerifyingKey(publicJwk(jwk), alg)
  const whole = await signJws({ a: 1 }, { typ: 't', kid: 'k' }, signing)
  const [header = '', payload = '', signature = ''] = whole.split('.')
  const headed = (value: unknown): string => `${part(value)}.${payload}.${signature}`
  const verify = (text: string, typ: string | undefined = 't', most?: number) =>
    refusalOf(() => verifyJws(text, typ, ({ kid }) => (kid === 'k' ? verifying : undefined), most))
  const shape = 'text: it is not three parts of base64url, each in its only form, with dots between'
  const once = 'header: the header is no JSON object with each name once'

  test('that is whole says what it said', async () => {
    const { header: said, payload: bytes } = await verifyJws(whole, 't', () => verifying)
    expect(said).toEqual({ alg, typ: 't', kid: 'k' })
    expect(new TextDecoder().decode(bytes)).toBe('{"a":1}')
    expect(await verify(whole, undefined)).toBe('accepted')
    expect(await verify(whole, 't', whole.length)).toBe('accepted')
  })

  test.each([
    ['two parts', `${header}.${payload}`, shape],
    ['four parts', `${whole}.AA`, shape],
    ['a header that is no base64url', `=.${payload}.${signature}`, shape],
    ['a payload that is no base64url', `${header}.=.${signature}`, shape],
    ['a signature that is no base64url', `${header}.${payload}.=`, shape],
    ['a header that is a text', headed('"a"'), once],
    ['a header that is null', headed('null'), once],
    ['a header that is a number', headed('7'), once],
    ['a header that is a list', headed('[]'), once],
    ['a header with a name twice', headed('{"alg":"Ed25519","alg":"Ed25519"}'), once],
    ['a member', headed({ alg, crit: ['b64'] }), 'header: the header has "crit", which is not accepted'],
    [
      'a long member',
      headed({ [`${'x'.repeat(40)}y`]: 1 }),
      `header: the header has "${'x'.repeat(40)}", which is not accepted`,
    ],
    ['no algorithm', headed({ typ: 't' }), 'header: the algorithm "undefined" is not accepted'],
    ['a long algorithm', headed({ alg: 'y'.repeat(50) }), `header: the algorithm "${'y'.repeat(40)}" is not accepted`],
    ['a typ that is no text', headed({ alg, typ: 7 }), 'header: typ and kid must be short texts'],
    ['a kid that is no text', headed({ alg, kid: null }), 'header: typ and kid must be short texts'],
    ['a kid that is long', headed({ alg, typ: 't', kid: 'k'.repeat(257) }), 'header: typ and kid must be short texts'],
    [
      'a kid that is just not long',
      headed({ alg, typ: 't', kid: 'k'.repeat(256) }),
      `key: no key "${'k'.repeat(256)}" is configured`,
    ],
    ['no kid', headed({ alg, typ: 't' }), 'key: no key null is configured'],
    ['another typ', headed({ alg, typ: 'x' }), 'header: its typ is "x", not "t"'],
    ['no typ', headed({ alg }), 'header: its typ is null, not "t"'],
    ['another algorithm', headed({ alg: 'HS256', typ: 't', kid: 'k' }), `header: its key is for ${alg}, not for HS256`],
    ['another payload', `${header}.${part('{"a":2}')}.${signature}`, 'signature: the signature does not hold'],
    ['no signature', `${header}.${payload}.`, 'signature: the signature does not hold'],
  ])('with %s is refused', async (_what, text, expected) => expect(await verify(text)).toBe(expected))

  test('is looked at no further when it is too long', async () => {
    expect(await verify(whole, 't', whole.length - 1)).toBe(`text: it is longer than ${whole.length - 1} bytes`)
    expect(await refusalOf(() => splitJws(`${'A'.repeat(65_537)}`))).toBe('text: it is longer than 65536 bytes')
    expect(await refusalOf(() => splitJws(`${'A'.repeat(65_536)}`))).toBe(shape)
  })
})

describe('the text of a token', () => {
  const secret = 'A'.repeat(43)
  const links = (count: number): string => 'a~'.repeat(count)
  const count = 'text: a token has 1 to 8 links, and its proof behind them'
  const proof = 'text: the token does not end in the proof that its bearer was given it'

  test.each([
    ['', count],
    [`k.${secret}`, count],
    [`${links(9)}k.${secret}`, count],
    [`a~${secret}`, proof],
    ['a~', proof],
    [`a~k.${'A'.repeat(42)}`, proof],
    [`a~k.${'A'.repeat(44)}`, proof],
    [`a~k.${'A'.repeat(42)}B`, proof],
    [`a~x.${secret}`, proof],
    [`a~k${secret}`, proof],
    ['a~k.=', proof],
    ['A'.repeat(65_537), 'text: the token is longer than 65536 bytes'],
    ['A'.repeat(65_536), count],
  ])('%s is refused', async (text, expected) => expect(await refusalOf(() => splitToken(text))).toBe(expected))

  test('falls into its links and its proof', () => {
    expect(splitToken(`a~b~k.${secret}`)).toEqual({ links: ['a', 'b'], secret, seal: undefined })
    expect(splitToken('a~s.x.y.z')).toEqual({ links: ['a'], secret: undefined, seal: 'x.y.z' })
    expect(splitToken(`${links(8)}k.${secret}`).links).toHaveLength(8)
  })
})
