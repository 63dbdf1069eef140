/** Forged, spliced, widened and mangled tokens: each family that broke another library is refused here, and says as what. */
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { decodeBase64url, encodeBase64url } from '../../capabilities/tokens/base64url.ts'
import { thumbprintOf } from '../../capabilities/tokens/chain.ts'
import { hashText, signJws } from '../../capabilities/tokens/jws.ts'
import { generateJwk, importSigningKey, type Jwk, publicJwk, type SigningKey } from '../../capabilities/tokens/keys.ts'
import { parseStrictJson } from '../../capabilities/tokens/strict-json.ts'
import { attenuate, memoryKeys } from '../../src/security/index.ts'
import { openSecurity, refusal, rules, type SecurityWorld, START } from '../security-world.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const json = (text: string): Record<string, unknown> => JSON.parse(decoder.decode(decodeBase64url(text)))
const part = (value: unknown): string =>
  encodeBase64url(encoder.encode(typeof value === 'string' ? value : JSON.stringify(value)))

/** A link's header, claims and signature, to be changed. */
function open(link: string) {
  const [header = '', claims = '', signature = ''] = link.split('.')
  return { header: json(header), claims: json(claims), signature }
}
/** The private key that a token's text ends in. */
async function bearerKey(token: string): Promise<SigningKey> {
  const links = token.split('~')
  const { jwk } = open(links.at(-2)!).claims['cnf'] as { jwk: Jwk }
  return importSigningKey({ ...jwk, d: links.at(-1)!.slice(2) }, 'Ed25519')
}

let world: SecurityWorld
let rootKey: { key: SigningKey; kid: string; jwk: Jwk }
let root: string
let child: string

/** Made once. A fault in the making fails a test by name, which that of a hook of the whole file does not. */
let made: Promise<void> | undefined
beforeEach(() => (made ??= make()))

async function make(): Promise<void> {
  const { alg, jwk } = await generateJwk('Ed25519')
  rootKey = { key: await importSigningKey(jwk, 'Ed25519'), kid: 'root', jwk }
  world = await openSecurity({ keys: memoryKeys([{ kid: 'root', alg, jwk, madeAt: START, activeFrom: START }]) })
  root = (await world.security.mint({ grants: rules('fs.read=/data/**', 'tool.call=t'), quota: { calls: 10 } })).token
  child = (
    await attenuate(root, { grants: rules('fs.read=/data/a/**'), ttl: '30m', quota: { calls: 5 } }, { now: START })
  ).token
}

const answer = (token: string): Promise<string> => refusal(world.security.verify(token))
const [first, rest] = [(token: string) => token.split('~')[0]!, (token: string) => token.split('~').slice(1).join('~')]

/** The root with other claims, signed by the real key. */
async function forgedRoot(
  change: (claims: Record<string, unknown>) => void,
  header: { typ: string; kid?: string } = { typ: 'toka-root+jwt', kid: 'root' },
): Promise<string> {
  const { claims } = open(first(root))
  change(claims)
  return `${await signJws(claims, header, rootKey.key)}~${rest(root)}`
}

/** A child of the root with other claims, signed by the root's bearer: what anybody who holds a token can make. */
async function forgedChild(
  change: (claims: Record<string, unknown>) => void | Promise<void>,
  typ = 'toka-link+jwt',
): Promise<string> {
  const { alg, jwk } = await generateJwk('Ed25519')
  const { claims } = open(child.split('~')[1]!)
  claims['cnf'] = { jwk: publicJwk(jwk) }
  await change(claims)
  void alg
  return `${first(root)}~${await signJws(claims, { typ }, await bearerKey(root))}~k.${jwk.d}`
}

test('what was not changed is accepted', async () => {
  expect(await answer(root)).toBe('accepted')
  expect(await answer(child)).toBe('accepted')
  expect(await answer(await forgedChild(() => {}))).toBe('accepted')
  expect(await answer(await forgedRoot(() => {}))).toBe('accepted')
})

describe('headers', () => {
  const withHeader = (change: (header: Record<string, unknown>) => void): string => {
    const { header } = open(first(root))
    change(header)
    return [`${part(header)}.${first(root).split('.').slice(1).join('.')}`, rest(root)].join('~')
  }

  test.each([
    ['none', 'none'],
    ['None', 'None'],
    ['the public key as a secret (CVE-2026-22817)', 'HS256'],
    ['another algorithm', 'ES256'],
    ['the other name of the same', 'EdDSA'],
    ['no text', 7],
  ])('alg: %s', async (_what, alg) => {
    expect(await answer(withHeader((header) => (header['alg'] = alg)))).toMatch(/\(header\)|\(signature\)/)
  })

  test('alg: a signature with the public key as the secret of HMAC', async () => {
    const secret = await crypto.subtle.importKey(
      'raw',
      encoder.encode(JSON.stringify(publicJwk(rootKey.jwk))),
      { name: 'HMAC', hash: 'SHA-256' },
      false,
      ['sign'],
    )
    const { claims } = open(first(root))
    const forged = await signJws(claims, { typ: 'toka-root+jwt', kid: 'root' }, { alg: 'HS256', key: secret })
    expect(await answer(`${forged}~${rest(root)}`)).toContain('(header): link 0: its key is for Ed25519, not for HS256')
  })

  test.each(['jwk', 'jku', 'x5u', 'x5c', 'crit', 'b64', 'zip', 'enc', '__proto__', 'constructor'])(
    '%s in a header',
    async (name) => {
      const header = first(root).split('.')[0]!
      const text = decoder
        .decode(decodeBase64url(header))
        .replace('{', `{"${name}":${name === 'jwk' ? JSON.stringify(publicJwk(rootKey.jwk)) : '["x"]'},`)
      expect(await answer(`${part(text)}.${root.slice(root.indexOf('.') + 1)}`)).toContain('(header)')
    },
  )

  test.each([['../root'], ['root\u0000'], ['root '], ['ROOT'], [''], ['x'.repeat(300)], [undefined], [['root']]])(
    'kid: %j',
    async (kid) => {
      expect(await answer(withHeader((header) => (header['kid'] = kid)))).toMatch(/\((?:key|header)\)/)
    },
  )

  test('a link that is said to be a root, a seal, or a list, and a root that is said to be a link', async () => {
    for (const typ of ['toka-root+jwt', 'toka-seal+jwt', 'toka-revocations+jwt', 'JWT'])
      expect(await answer(await forgedChild(() => {}, typ))).toContain('(header)')
    expect(await answer(await forgedRoot(() => {}, { typ: 'toka-link+jwt', kid: 'root' }))).toContain('(header)')
    const kidded = child.split('~')
    const { claims } = open(kidded[1]!)
    kidded[1] = await signJws(claims, { typ: 'toka-link+jwt', kid: 'root' }, await bearerKey(root))
    expect(await answer(kidded.join('~'))).toContain('only a root names its key')
  })
})

describe('text', () => {
  const mangled: [string, (token: string) => string][] = [
    ['padding', (token) => token.replace('.', '=.')],
    ['double padding behind a signature', (token) => token.replace('~', '==~')],
    ['a space', (token) => ` ${token}`],
    ['a line end in a signature', (token) => token.replace('~', '\n~')],
    ['a plus', (token) => token.replace(/[A-Za-z]/, '+')],
    ['an empty link', (token) => token.replace('~', '~~')],
    ['a dot more', (token) => token.replace('~', '.~')],
    ['JSON serialisation', (token) => JSON.stringify({ payload: token })],
    ['no proof', (token) => token.split('~').slice(0, -1).join('~')],
    ['an empty proof', (token) => `${token.split('~').slice(0, -1).join('~')}~`],
    ['another secret', (token) => `${token.split('~').slice(0, -1).join('~')}~k.${'A'.repeat(43)}`],
    [
      'a secret with other last bits',
      (token) => token.slice(0, -1) + (token.endsWith('A') ? 'B' : token.at(-1) === 'Q' ? 'R' : 'B'),
    ],
    ['nothing', () => ''],
    ['too much', (token) => token + 'A'.repeat(70_000)],
    ['more links than eight', (token) => `${`${token.split('~')[0]}~`.repeat(9)}${token.split('~').at(-1)}`],
  ]
  test.each(mangled)('%s', async (_what, mangle) => {
    expect(await answer(mangle(root))).not.toBe('accepted')
    expect(await answer(mangle(child))).not.toBe('accepted')
  })

  test('no other text means the same: any change of a letter is refused', async () => {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~='
    await fc.assert(
      fc.asyncProperty(fc.nat(child.length - 1), fc.constantFrom(...letters), async (at, letter) => {
        if (child[at] === letter) return
        expect(await answer(child.slice(0, at) + letter + child.slice(at + 1))).not.toBe('accepted')
      }),
      { numRuns: 200 },
    )
  })
})

describe('claims', () => {
  test('a name twice, in any spelling of JSON', async () => {
    const { claims } = open(first(root))
    const text = JSON.stringify(claims)
    for (const twice of [
      text.replace('{', '{"exp":9999999999,'),
      text.replace('{', '{"\\u0065xp":9999999999,'),
      text.replace('"jwk":{', '"jwk":{"x":"AAAA",'),
    ]) {
      expect(parseStrictJson(encoder.encode(twice))).toBeUndefined()
      const signed = await signRaw(twice)
      expect(await answer(`${signed}~${rest(root)}`)).toContain('(claims)')
    }
  })

  test.each(['__proto__', 'constructor', 'toString', 'roles'])(
    '%s is no claim, and changes no prototype',
    async (name) => {
      const { claims } = open(first(root))
      const signed = await signRaw(JSON.stringify(claims).replace('{', `{"${name}":{"exp":1e12,"polluted":true},`))
      expect(await answer(`${signed}~${rest(root)}`)).toContain('(claims)')
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    },
  )

  test.each([
    ['exp as text', { exp: '9999999999' }],
    ['exp that is no whole number', { exp: 1e12 + 0.5 }],
    ['exp that is too large', { exp: 1e300 }],
    ['no exp', { exp: undefined }],
    ['aud as a list', { aud: ['toka', 'other'] }],
    ['a jti that could be a path', { jti: '../../etc/passwd' }],
    ['a short jti', { jti: 'a' }],
    ['depth below zero', { del_depth: -1 }],
    [
      'grants of an unknown kind',
      { authorization_details: [{ type: 'toka_grant', resource: 'everything', actions: ['do'] }] },
    ],
    ['grants of another type', { authorization_details: [{ type: 'other' }] }],
    [
      'a grant with an unknown constraint',
      {
        authorization_details: [
          { type: 'toka_grant', resource: 'tool', actions: ['call'], names: ['t'], args: { a: { magic: 1 } } },
        ],
      },
    ],
    ['a private key in cnf', { cnf: { jwk: { kty: 'OKP', crv: 'Ed25519', x: 'AAAA', d: 'AAAA' } } }],
    ['a shared secret in cnf', { cnf: { jwk: { kty: 'oct', k: 'A'.repeat(43) } } }],
    ['a key name in cnf', { cnf: { jwk: { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43), kid: 'root' } } }],
  ])('%s', async (_what, change) => {
    expect(await answer(await forgedRoot((claims) => Object.assign(claims, change)))).toContain('(claims)')
  })
})

/** A JWS over exactly this text, by the root's key. */
async function signRaw(text: string): Promise<string> {
  const input = `${part({ alg: 'Ed25519', typ: 'toka-root+jwt', kid: 'root' })}.${part(text)}`
  const signature = await crypto.subtle.sign('Ed25519', rootKey.key.key, encoder.encode(input))
  return `${input}.${encodeBase64url(new Uint8Array(signature))}`
}

describe('chains', () => {
  test.each([
    [
      'longer exp',
      (claims: Record<string, unknown>) => void (claims['exp'] = (open(first(root)).claims['exp'] as number) + 1),
      'it ends later',
    ],
    ['another depth', (claims: Record<string, unknown>) => void (claims['del_depth'] = 0), 'it says that it is link 0'],
    ['another audience', (claims: Record<string, unknown>) => void (claims['aud'] = 'other'), 'another audience'],
    [
      'another parent',
      (claims: Record<string, unknown>) => void (claims['par_hash'] = 'A'.repeat(43)),
      'its parent is another link',
    ],
    ['no parent', (claims: Record<string, unknown>) => void delete claims['par_hash'], 'its parent is another link'],
    ['another issuer', (claims: Record<string, unknown>) => void (claims['iss'] = 'toka'), 'names another key'],
    [
      'a larger quota',
      (claims: Record<string, unknown>) => void (claims['quota'] = { calls: 11 }),
      'quota of calls is larger',
    ],
    [
      'the jti of its parent',
      (claims: Record<string, unknown>) => void (claims['jti'] = open(first(root)).claims['jti']),
      'two links have one jti',
    ],
    ['deeper than allowed', (claims: Record<string, unknown>) => void (claims['del_max_depth'] = 8), '(claims)'],
    [
      'a wider grant',
      (claims: Record<string, unknown>) =>
        void (claims['authorization_details'] = [
          { type: 'toka_grant', resource: 'fs', actions: ['read'], paths: ['/dat?/**'] },
        ]),
      "'s to give",
    ],
    [
      'another action',
      (claims: Record<string, unknown>) =>
        void (claims['authorization_details'] = [
          { type: 'toka_grant', resource: 'fs', actions: ['write'], paths: ['/data/x'] },
        ]),
      'wider than its parent in actions',
    ],
  ])('%s', async (_what, change, expected) => {
    expect(await answer(await forgedChild(change))).toContain(expected)
  })

  test('a parent that is cut off: its child does not have its key', async () => {
    const [link, , proof] = child.split('~')
    expect(await answer(`${link}~${proof}`)).toMatch(/\((?:signature|key)\)/)
    expect(await answer(`${link}~k.${'A'.repeat(43)}`)).toMatch(/\((?:signature|key)\)/)
  })

  test('links of two tokens do not go together', async () => {
    const other = (
      await world.security.mint({ grants: rules('fs.read=/data/**', 'tool.call=t'), quota: { calls: 10 } })
    ).token
    const [, link, proof] = child.split('~')
    expect(await answer(`${first(other)}~${link}~${proof}`)).toMatch(/\((?:signature|chain)\)/)
  })

  test("a root by a key of one's own, and one that is signed with the key of a link (Biscuit, July 2024)", async () => {
    const { jwk } = await generateJwk('Ed25519')
    const own = await importSigningKey(jwk, 'Ed25519')
    const { claims } = open(first(root))
    const self = await signJws({ ...claims, cnf: { jwk: publicJwk(jwk) } }, { typ: 'toka-root+jwt', kid: 'root' }, own)
    expect(await answer(`${self}~k.${jwk.d}`)).toContain('(signature)')
    const byBearer = await signJws(
      { ...claims, cnf: { jwk: publicJwk(jwk) } },
      { typ: 'toka-root+jwt', kid: 'root' },
      await bearerKey(root),
    )
    expect(await answer(`${byBearer}~k.${jwk.d}`)).toContain('(signature)')
  })

  test('a third link that follows the first, and links in another order', async () => {
    const third = (await attenuate(child, {}, { now: START })).token.split('~')
    const [one, two, three, proof] = third
    expect(await answer([one, three, proof].join('~'))).not.toBe('accepted')
    expect(await answer([one, three, two, proof].join('~'))).not.toBe('accepted')
    expect(await answer([two, three, proof].join('~'))).not.toBe('accepted')
  })

  test('a seal of another token, and a seal that stands for a secret', async () => {
    const sealed = (await attenuate(child, { seal: true }, { now: START })).token
    const other = (await attenuate(child, { seal: true }, { now: START })).token
    expect(await answer(sealed)).toBe('accepted')
    expect(await answer([...sealed.split('~').slice(0, -1), other.split('~').at(-1)].join('~'))).toContain(
      '(signature)',
    )
    expect(await answer([...sealed.split('~').slice(0, 2), sealed.split('~').at(-1)].join('~'))).toContain(
      '(signature)',
    )
  })

  test('arguments: a key that was dropped, one that was added, one that is wider', async () => {
    const args = { id: { oneOf: [1, 2] }, path: { path: '/a/**' } }
    const grant = (changed: Record<string, unknown>) => [
      { resource: 'tool' as const, actions: ['call' as const], names: ['t'], args: changed as never },
    ]
    const { token } = await world.security.mint({ grants: grant(args) })
    const narrow = (changed: Record<string, unknown>) =>
      refusal(attenuate(token, { grants: grant(changed) }, { now: START }))
    expect(await narrow({ id: { equals: 1 }, path: { path: '/a/b' } })).toBe('accepted')
    expect(await narrow({ id: { equals: 1 } })).toContain('wider than its parent in args.path: missing')
    expect(await narrow({ ...args, extra: { any: true } })).toContain('args.extra')
    expect(await narrow({ ...args, id: { oneOf: [1, 3] } })).toContain("args.id: 3 is not the parent's")
    expect(await narrow({ ...args, path: { path: '/**' } })).toContain('args.path')
    expect(await narrow({ ...args, id: { equals: 1, optional: true } })).toContain('args.id: missing')
    expect(await refusal(attenuate(token, { grants: rules('tool.call=t') }, { now: START }))).toContain('args.id')
  })
})

test('an issuer is named by the whole of its key', async () => {
  const { claims } = open(child.split('~')[1]!)
  const { jwk } = open(first(root)).claims['cnf'] as { jwk: Jwk }
  expect(claims['iss']).toBe(await thumbprintOf(jwk))
  expect(claims['par_hash']).toBe(await hashText(first(root)))
})
