/** Chains link by link, made by hand: what a link must say of its parent, what holds when and for whom, each refusal in its words. */
import { describe, expect, test } from 'vitest'
import { type Chain, checkCircumstances, openChain, splitToken, thumbprintOf } from '../../capabilities/tokens/chain.ts'
import { hashText, signJws } from '../../capabilities/tokens/jws.ts'
import {
  generateJwk,
  importSigningKey,
  importVerifyingKey,
  type Jwk,
  publicJwk,
} from '../../capabilities/tokens/keys.ts'
import { attenuateToken, mintRoot } from '../../capabilities/tokens/mint.ts'
import { TokenError } from '../../capabilities/tokens/token-error.ts'

type Claims = Record<string, unknown>
type Made = { text: string; claims: Claims; jwk: Jwk }

const NOW = 1_767_225_600
const grant = (...paths: string[]) => ({ type: 'toka_grant', resource: 'fs', actions: ['read'], paths })
const issuer = await generateJwk('Ed25519')
const signing = await importSigningKey(issuer.jwk, 'Ed25519')
const verifying = await importVerifyingKey(publicJwk(issuer.jwk), 'Ed25519')
let made = 0

/** A link beneath another, or a root; `change` are claims that it has otherwise. */
async function link(
  parent: Made | undefined,
  change: Claims = {},
  header: { typ?: string; kid?: string } = {},
): Promise<Made> {
  const { jwk } = await generateJwk('Ed25519')
  const depth = parent ? (parent.claims['del_depth'] as number) + 1 : 0
  const all: Claims = {
    iss: parent ? await thumbprintOf(publicJwk(parent.jwk)) : 'issuer',
    aud: 'toka',
    jti: `link-${String(made++).padStart(16, '0')}`,
    iat: NOW,
    exp: NOW + 600,
    cnf: { jwk: publicJwk(jwk) },
    del_depth: depth,
    del_max_depth: parent?.claims['del_max_depth'] ?? 7,
    ...(parent ? { par_hash: await hashText(parent.text) } : {}),
    authorization_details: [grant('/data/**')],
    ...change,
  }
  const claims = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
  const key = parent ? await importSigningKey(parent.jwk, 'Ed25519') : signing
  const typ = parent ? 'toka-link+jwt' : 'toka-root+jwt'
  return { text: await signJws(claims, { typ, ...(parent ? {} : { kid: 'k' }), ...header }, key), claims, jwk }
}

const tokenOf = (links: readonly Made[]): string =>
  [...links.map(({ text }) => text), `k.${links.at(-1)!.jwk.d}`].join('~')
const open = (token: string, rootKey: typeof verifying | undefined = verifying): Promise<Chain> =>
  openChain(splitToken(token), { rootKey: () => rootKey })

async function refusalOf(work: () => unknown): Promise<string> {
  try {
    await work()
    return 'accepted'
  } catch (error) {
    if (!(error instanceof TokenError)) throw error
    expect(error.message.startsWith('link '), error.message).toBe(error.link !== undefined)
    return `${error.problem}: ${error.message}`
  }
}

/** A root with one claim otherwise, and a child of it with one claim otherwise. */
async function pair(rootChange: Claims, childChange: Claims): Promise<string> {
  const root = await link(undefined, rootChange)
  return refusalOf(async () => open(tokenOf([root, await link(root, childChange)])))
}

describe('a link', () => {
  test.each<[string, Claims, Claims, string]>([
    ['as its parent', {}, {}, 'accepted'],
    ['of a parent that allows one more', { del_max_depth: 1 }, {}, 'accepted'],
    [
      'of a parent that allows none',
      { del_max_depth: 0 },
      {},
      'chain: link 1: its parent allows 0 links beneath the root',
    ],
    [
      'that allows more links',
      { del_max_depth: 2 },
      { del_max_depth: 3 },
      'chain: link 1: it allows more links than its parent',
    ],
    ['that allows fewer links', { del_max_depth: 2 }, { del_max_depth: 1 }, 'accepted'],
    ['at another depth', {}, { del_depth: 2 }, 'chain: link 1: it says that it is link 2'],
    ['of another parent', {}, { par_hash: 'A'.repeat(43) }, 'chain: link 1: its parent is another link'],
    ['by another issuer', {}, { iss: 'issuer' }, "chain: link 1: it names another key than its parent's"],
    ['for another audience', {}, { aud: 'other' }, 'chain: link 1: it is for another audience than its parent'],
    ['that ends later', {}, { exp: NOW + 601 }, 'chain: link 1: it ends later than its parent'],
    ['that ends sooner', {}, { exp: NOW + 599 }, 'accepted'],
    ['that begins earlier', { nbf: NOW + 10 }, { nbf: NOW + 9 }, 'chain: link 1: it begins earlier than its parent'],
    ['that begins with it', { nbf: NOW + 10 }, { nbf: NOW + 10 }, 'accepted'],
    ['that begins later', {}, { nbf: NOW + 10 }, 'accepted'],
    ['that says no beginning', { nbf: NOW + 10 }, {}, 'accepted'],
    [
      'with more calls',
      { quota: { calls: 3 } },
      { quota: { calls: 4 } },
      "chain: link 1: its quota of calls is larger than its parent's",
    ],
    [
      'with more bytes',
      { quota: { bytes: 3 } },
      { quota: { bytes: 4 } },
      "chain: link 1: its quota of bytes is larger than its parent's",
    ],
    ['with as many calls', { quota: { calls: 3 } }, { quota: { calls: 3, bytes: 9 } }, 'accepted'],
    ['that says no quota', { quota: { calls: 3 } }, {}, 'accepted'],
    [
      'with a wider grant',
      {},
      { authorization_details: [grant('/data/**', '/etc/*')] },
      "wider: link 1: grants[0] (fs.read) is wider than its parent in paths: /etc/a is not the parent's to give",
    ],
  ])('%s', async (_what, rootChange, childChange, expected) => {
    const answer = await pair(rootChange, childChange)
    // Which letter a witness has is not promised.
    expect(answer.replace(/\/etc\/\S+/, '/etc/a')).toBe(expected)
  })

  test('that says it is a root, or names its key, is refused', async () => {
    const root = await link(undefined)
    const other = async (header: object) => refusalOf(async () => open(tokenOf([root, await link(root, {}, header)])))
    expect(await other({ typ: 'toka-root+jwt' })).toBe(
      'header: link 1: its typ is "toka-root+jwt", not "toka-link+jwt"',
    )
    expect(await other({ kid: 'k' })).toBe('header: link 1: only a root names its key')
  })

  test('with the jti of another is refused, wherever it is', async () => {
    const root = await link(undefined)
    const child = await link(root)
    const third = await link(child, { jti: root.claims['jti'] })
    expect(await refusalOf(() => open(tokenOf([root, child, third])))).toBe('chain: two links have one jti')
  })
})

describe('a root', () => {
  test.each<[string, Claims, object, string]>([
    ['as it must be', {}, {}, 'accepted'],
    ['at a depth', { del_depth: 1 }, {}, 'chain: link 0: it is no root'],
    ['with a parent', { par_hash: 'A'.repeat(43) }, {}, 'chain: link 0: it is no root'],
    [
      'that says it is a link',
      {},
      { typ: 'toka-link+jwt' },
      'header: link 0: its typ is "toka-link+jwt", not "toka-root+jwt"',
    ],
  ])('%s', async (_what, change, header, expected) => {
    expect(await refusalOf(async () => open(tokenOf([await link(undefined, change, header)])))).toBe(expected)
  })

  test('is checked as far as can be where its key is not known', async () => {
    const reading = async (change: Claims, header: object) =>
      refusalOf(async () => openChain(splitToken(tokenOf([await link(undefined, change, header)])), {}))
    expect(await reading({}, {})).toBe('accepted')
    expect(await reading({}, { typ: 'x' })).toBe('header: link 0: its typ is not toka-root+jwt')
    expect(await reading({ del_depth: 1 }, {})).toBe('chain: link 0: it is no root')
    const token = tokenOf([await link(undefined)])
    expect(await refusalOf(() => openChain(splitToken(token), { rootKey: () => undefined }))).toBe(
      'key: link 0: no key "k" is configured',
    )
  })

  test('what is no fault of a token passes through', async () => {
    const token = tokenOf([await link(undefined)])
    const broken = openChain(splitToken(token), { rootKey: () => Promise.reject(new RangeError('disk')) })
    await expect(broken).rejects.toThrow(new RangeError('disk'))
  })
})

describe('the proof', () => {
  test('is the key of the last link, or a seal by it over all links', async () => {
    const root = await link(undefined)
    const child = await link(root)
    const key = await importSigningKey(child.jwk, 'Ed25519')
    const sealed = async (claims: unknown, header: { typ: string; kid?: string } = { typ: 'toka-seal+jwt' }) =>
      refusalOf(async () => open(`${root.text}~${child.text}~s.${await signJws(claims, header, key)}`))
    const hash = await hashText(`${root.text}~${child.text}`)
    expect(await sealed({ hash })).toBe('accepted')
    for (const other of [{ hash: await hashText(`${root.text}${child.text}`) }, {}, null, 'text'])
      expect(await sealed(other)).toBe('signature: its seal is of another token')
    expect(await sealed({ hash }, { typ: 'toka-seal+jwt', kid: 'k' })).toBe('key: no key "k" is configured')
    expect(await sealed({ hash }, { typ: 'JWT' })).toBe('header: its typ is "JWT", not "toka-seal+jwt"')
    expect(await refusalOf(() => open(`${root.text}~${child.text}~s.`))).toContain('text: it is not three parts')
    const whole = await open(tokenOf([root, child]))
    expect(whole.signer?.alg).toBe('Ed25519')
    expect(whole.links.map(({ depth }) => depth)).toEqual([0, 1])
    const other = `${root.text}~${child.text}~k.${root.jwk.d}`
    expect(await refusalOf(() => open(other))).toMatch(/^(?:signature|key): /)
  })
})

describe('circumstances', async () => {
  const chain = await open(tokenOf([await link(undefined, { nbf: NOW + 60 })]))
  const ms = (seconds: number): number => (NOW + seconds) * 1_000
  const answer = (now: number, audience = 'toka', skewMs = 30_000, links = chain) =>
    refusalOf(() => checkCircumstances(links, { audience, now, skewMs }))

  test('a chain holds from its beginning, less what clocks may differ, to its end', async () => {
    const ended = `expired: link 0: it ended at ${new Date(ms(600)).toISOString()}`
    const early = `early: link 0: it begins at ${new Date(ms(60)).toISOString()}`
    expect(await answer(ms(30) - 1)).toBe(early)
    expect(await answer(ms(30))).toBe('accepted')
    expect(await answer(ms(600) - 1)).toBe('accepted')
    expect(await answer(ms(600))).toBe(ended)
    expect(await answer(Number.NaN)).toBe(ended)
    expect(await answer(ms(59), 'toka', 0)).toBe(early)
  })

  test('one that was made in the future holds then', async () => {
    const later = await open(tokenOf([await link(undefined, { iat: NOW + 100 })]))
    expect(await answer(ms(69), 'toka', 30_000, later)).toBe(
      `early: link 0: it begins at ${new Date(ms(100)).toISOString()}`,
    )
    expect(await answer(ms(70), 'toka', 30_000, later)).toBe('accepted')
  })

  test('each link is looked at, and an audience is shown shortened', async () => {
    const root = await link(undefined, { aud: 'x'.repeat(120) })
    const long = await open(tokenOf([root]))
    expect(await answer(ms(60), 'toka', 0, long)).toBe(`audience: link 0: it is for "${'x'.repeat(100)}"`)
    const two = await link(undefined)
    const short = await open(tokenOf([two, await link(two, { exp: NOW + 60 })]))
    expect(await answer(ms(60), 'toka', 0, short)).toContain('expired: link 1')
  })
})

describe('making', () => {
  const signer = { ...signing, kid: 'k' }
  const now = NOW * 1_000
  const grants = [{ resource: 'fs' as const, actions: ['read' as const], paths: ['/data/**'] }]
  const base = { issuer: 'me', audience: 'toka', grants, now, expires: now + 60_000 }

  test('a root says what it was asked to, whole seconds, never longer', async () => {
    const { token, jti } = await mintRoot(
      { ...base, subject: 'you', quota: { calls: 3 }, expires: now + 60_999, notBefore: now + 1_001, maxDepth: 2 },
      signer,
    )
    expect((await open(token)).links).toMatchObject([
      {
        issuer: 'me',
        subject: 'you',
        audience: 'toka',
        jti,
        issuedAt: now,
        notBefore: now + 2_000,
        expires: now + 60_000,
        depth: 0,
        maxDepth: 2,
        parentHash: undefined,
        quota: { calls: 3 },
        grants,
      },
    ])
    expect((await open((await mintRoot(base, signer)).token)).links[0]).toMatchObject({ maxDepth: 7, quota: undefined })
  })

  test('a child is as its parent where nothing else is asked, and another each time', async () => {
    const { token } = await mintRoot({ ...base, notBefore: now + 5_000, maxDepth: 3 }, signer)
    const [one, two] = [await attenuateToken(token, { now }), await attenuateToken(token, { now })]
    expect(one.jti).not.toBe(two.jti)
    const [root, child] = (await open(one.token)).links
    expect(child).toMatchObject({
      issuer: await thumbprintOf(root.key),
      audience: 'toka',
      jti: one.jti,
      depth: 1,
      maxDepth: 3,
      notBefore: now + 5_000,
      expires: now + 60_000,
      grants,
      subject: undefined,
      quota: undefined,
    })
    const narrow = await attenuateToken(one.token, {
      now: now + 1_500,
      expires: now + 30_000,
      quota: { bytes: 7 },
      subject: 'they',
      maxDepth: 2,
    })
    expect((await open(narrow.token)).links[2]).toMatchObject({
      issuedAt: now + 1_000,
      expires: now + 30_000,
      quota: { bytes: 7 },
      subject: 'they',
      maxDepth: 2,
      depth: 2,
    })
  })

  test('keys of a chain are of the kind that its issuer has: ES256 where that is what there is', async () => {
    const es256 = await generateJwk('ES256')
    const key = await importSigningKey(es256.jwk, 'ES256')
    const { token } = await mintRoot(base, { ...key, kid: 'k' })
    const child = await attenuateToken(token, { now })
    const sealed = await attenuateToken(child.token, { now, seal: true })
    const public256 = await importVerifyingKey(publicJwk(es256.jwk), 'ES256')
    expect((await open(sealed.token, public256)).links.map(({ key: { crv } }) => crv)).toEqual([
      'P-256',
      'P-256',
      'P-256',
    ])
    const other = await attenuateToken((await mintRoot(base, signer)).token, { now })
    expect((await open(other.token)).links.map(({ key: { crv } }) => crv)).toEqual(['Ed25519', 'Ed25519'])
  })

  test('what would be no token is not made', async () => {
    const mint = (change: object) => mintRoot({ ...base, ...change }, signer)
    await expect(mint({ expires: now + 999 })).rejects.toThrow(
      'the token would have ended before it begins: give it a second at least',
    )
    await expect(mint({ expires: now + 1_000 })).resolves.toBeDefined()
    await expect(mint({ notBefore: now + 60_000 })).rejects.toThrow('the token would end before it begins')
    await expect(mint({ notBefore: now + 59_000 })).resolves.toBeDefined()
    const many = Array.from({ length: 250 }, () => ({ ...grants[0]!, paths: [`/${'x'.repeat(200)}/**`] }))
    await expect(mint({ grants: many })).rejects.toThrow(
      'the token would be longer than 65536 bytes: use fewer or shorter grants',
    )
  })

  test('what may not be narrowed is not', async () => {
    const answer = (token: string) => refusalOf(() => attenuateToken(token, { now }))
    const last = await mintRoot({ ...base, maxDepth: 0 }, signer)
    expect(await answer(last.token)).toBe('chain: the token allows no link beneath depth 0')
    const { token } = await mintRoot(base, signer)
    const sealed = await attenuateToken(token, { now, seal: true })
    expect(sealed.token).toMatch(/~s\.[\w.-]+$/)
    expect((await open(sealed.token)).signer).toBeUndefined()
    expect(await answer(sealed.token)).toBe('chain: the token is sealed: it cannot be narrowed further')
    let deep = token
    for (let depth = 1; depth < 8; depth++) deep = (await attenuateToken(deep, { now })).token
    expect(await answer(deep)).toBe('chain: the token allows no link beneath depth 7')
    expect(await refusalOf(() => attenuateToken(token, { now, expires: now + 61_000 }))).toContain('it ends later')
  })
})
