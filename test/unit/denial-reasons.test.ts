/** What the host is told of a refused call: the argument, the callback or the secret that it is about, and never more than would allow it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createToka, defineTool, type GrantInput, type SandboxOptions, type Toka } from '../../src/index.ts'
import { openSecurity } from '../security-world.ts'

const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  input: z.looseObject({}),
  readOnly: false,
  run: () => 'paid',
})
const payments = (args: NonNullable<Extract<GrantInput, { resource: 'tool' }>['args']>, more = {}): GrantInput => ({
  resource: 'tool',
  actions: ['call'],
  names: ['pay'],
  args,
  ...more,
})
const CALLS =
  'export default async (inputs) => { const out = []; for (const input of inputs) out.push(await tools.pay(input).catch((e) => [e.code, e.message])); return out }'
const GUEST_SEES = ['TOKA_DENIED', 'the tool "pay" is not allowed here']

describe.each(['inline', 'worker'] as const)('%s:', (isolation) => {
  let toka: Toka
  beforeAll(async () => void (toka = await createToka({ cache: false, isolation })))
  afterAll(() => toka.dispose())

  const paying = (inputs: unknown[], options: Partial<SandboxOptions>) =>
    toka.run({ language: 'javascript', source: CALLS, input: inputs, tools: [pay], ...options })

  test('an argument that a grant constrains is named, with what it allows, and no rule is told that drops the constraint', async () => {
    const grants = [
      payments({ to: { oneOf: ['ann', 'bob'] }, sum: { max: 100 }, note: { prefix: 'for ', optional: true } }),
    ]
    const result = await paying(
      [
        { to: 'ann', sum: 100 },
        { to: 'eve', sum: 1 },
        { to: 'ann', sum: 101 },
        { to: 'ann', sum: 1, note: 'x' },
        { to: 'ann', sum: 1, extra: true },
        { to: 'ann' },
        [],
      ],
      { grants },
    )
    expect(result.value).toEqual(['paid', ...Array(6).fill(GUEST_SEES)])
    expect(result.denials.map(({ reason }) => reason)).toEqual(Array(6).fill('argument'))
    expect(result.denials.map(({ argument }) => argument)).toEqual([
      { name: 'to', expected: 'oneOf ["ann","bob"]' },
      { name: 'sum', expected: '-∞..100' },
      { name: 'note', expected: 'prefix "for " or none' },
      { name: 'extra', expected: 'nothing' },
      { name: 'sum', expected: '-∞..100' },
      { name: '(input)', expected: 'a plain object' },
    ])
    const others = ', or a grant whose args allow this one'
    expect(result.denials.map(({ allow }) => allow)).toEqual([
      `a call whose argument "to" is oneOf ["ann","bob"]${others}`,
      `a call whose argument "sum" is -∞..100${others}`,
      `a call whose argument "note" is prefix "for " or none${others}`,
      `a call without the argument "extra"${others}`,
      `a call whose argument "sum" is -∞..100${others}`,
      `a call whose argument is a plain object${others}`,
    ])
  })

  test('a denial that nobody caught suggests no grant to whoever reads the result', async () => {
    const source = 'export default await tools.pay({ sum: 2 })'
    const of = (grants: GrantInput[]) => toka.run({ language: 'javascript', source, tools: [pay], grants })
    expect((await of([payments({ sum: { max: 1 } })])).error?.grant).toBeUndefined()
    expect((await of([])).error?.grant).toBe('tool.call=pay')
  })

  test('of several grants for a tool the first is told; another tool’s constraint is no reason', async () => {
    const two = [payments({ sum: { max: 1 } }), payments({ sum: { max: 5 } }), payments({ other: { any: true } })]
    const result = await paying([{ sum: 5 }, { sum: 6 }], { grants: two })
    expect(result.value).toEqual(['paid', GUEST_SEES])
    expect(result.denials).toMatchObject([{ reason: 'argument', argument: { name: 'sum', expected: '-∞..1' } }])
    const elsewhere = { ...payments({ sum: { max: 1 } }), names: ['else'] } as GrantInput
    const none = await paying([{ sum: 6 }], { grants: [elsewhere] })
    expect(none.denials).toMatchObject([{ reason: 'no-grant', allow: "--allow 'tool.call=pay'" }])
    expect(none.denials[0]).not.toHaveProperty('argument')
  })

  test('what else stands in the way of the right argument does not hide it, and what stands in its way alone is told', async () => {
    const spent = await paying([{ sum: 1 }, { sum: 1 }, { sum: 2 }], {
      grants: [payments({ sum: { max: 1 } }, { quota: { calls: 1 } })],
    })
    expect(spent.denials.map(({ reason }) => reason)).toEqual(['quota', 'argument'])
    const asked: unknown[] = []
    const approved = await paying([{ sum: 1 }, { sum: 2 }], {
      grants: [payments({ sum: { max: 1 } }, { approval: 'required' })],
      onApproval: ({ input }) => asked.push(input) > 0,
    })
    expect(approved.denials.map(({ reason }) => reason)).toEqual(['argument'])
    expect(asked).toEqual([{ sum: 1 }])
  })

  test('a name of a guest’s own making is cut', async () => {
    const long = await paying([{ ['n'.repeat(100_000)]: 1 }], { grants: [payments({})] })
    expect(long.denials[0]?.argument).toEqual({ name: 'n'.repeat(200), expected: 'nothing' })
  })

  test('a no, an error, an answer that is none and no answer are told apart, for the host alone', async () => {
    const answers: (() => unknown)[] = [
      () => true,
      () => false,
      () => {
        throw new Error('the host’s own matter')
      },
      () => Promise.reject(new Error('later')),
      () => undefined,
      () => null,
      () => 'yes',
      () => 1,
      () => ({}),
      () => ({ grants: [{ resource: 'tool' }] }),
      () => ({ grants: [] }),
      () => new Promise(() => {}),
    ]
    const result = await paying(
      answers.map((_, turn) => ({ turn })),
      {
        grants: [{ resource: 'tool', actions: ['call'], names: ['pay'], approval: 'required' }],
        approvalTimeoutMs: 100,
        onApproval: (request) => answers[(request.input as { turn: number }).turn]!() as boolean,
      },
    )
    expect(result.value).toEqual(['paid', ...Array(11).fill(GUEST_SEES)])
    const failed = Array<string>(8).fill('approval-failed')
    expect(result.denials.map(({ reason }) => reason)).toEqual(['approval', ...failed, 'approval', 'approval-timeout'])
    expect(result.denials.map(({ allow }) => allow).filter((text) => text.includes('matter'))).toEqual([])
    expect(result.denials[1]?.allow).toContain('it threw, or answered something else')
    expect(result.denials.at(-1)?.allow).toBe('an answer of onApproval within approvalTimeoutMs')
    const nobody = await paying([{}], {
      grants: [{ resource: 'tool', actions: ['call'], names: ['pay'], approval: 'required' }],
    })
    expect(nobody.denials).toMatchObject([{ reason: 'approval', allow: 'a yes from onApproval' }])
  })

  test('a secret of a tool that does not exist is refused by the tool’s name, and a bad header in words', async () => {
    const opened = (secrets: SandboxOptions['secrets']) =>
      toka.open({ language: 'javascript', tools: [pay], secrets: secrets! }).then(
        async (sandbox) => {
          await sandbox.dispose()
          return 'opened'
        },
        (error: Error) => error.message,
      )
    expect(await opened([{ tool: 'pay', argument: 'key', value: 'k3y' }])).toBe('opened')
    expect(await opened([{ tool: 'pya', argument: 'key', value: 'k3y' }])).toBe('secrets: no tool is named "pya"')
    const origin = 'https://a.test'
    expect(await opened([{ origin, header: 'bad header', value: 'k3y' }])).toMatch(
      /secrets\[0\]\.header: must be the name of a header, such as "authorization"$/,
    )
    const value = await opened([{ origin, header: 'authorization', value: 'k3y\r\nevil: 1' }])
    expect(value).toMatch(/secrets\[0\]\.value: must be text of Latin-1 without line ends and other controls$/)
    expect(value).not.toContain('k3y')
    expect(await opened([{ origin: 'a.test', header: 'x', value: 'k3y' }])).not.toContain('k3y')
  })
})

describe('with a token', () => {
  test('the link whose constraint refuses is named, and no token is suggested that drops it', async () => {
    const { security } = await openSecurity({ clock: { now: () => Date.now() } })
    const own = await createToka({ cache: false, security })
    const { token } = await security.mint({ grants: [payments({ sum: { max: 5 }, to: { any: true } })], ttl: '1h' })
    const { attenuate } = await import('../../src/security/index.ts')
    const child = await attenuate(token, { grants: [payments({ sum: { max: 1 }, to: { equals: 'ann' } })] })
    const result = await own.run({
      language: 'javascript',
      source: CALLS,
      input: [
        { sum: 1, to: 'ann' },
        { sum: 2, to: 'ann' },
        { sum: 1, to: 'bob' },
        { sum: 6, to: 'bob' },
      ],
      tools: [pay],
      token: child.token,
    })
    expect(result.value).toEqual(['paid', GUEST_SEES, GUEST_SEES, GUEST_SEES])
    expect(result.denials).toMatchObject([
      {
        reason: 'argument',
        argument: { name: 'sum', expected: '-∞..1' },
        link: 1,
        token: { constraint: 'grants.args' },
      },
      { reason: 'argument', argument: { name: 'to' }, link: 1 },
      { reason: 'argument', argument: { name: 'sum', expected: '-∞..5' }, link: 0 },
    ])
    for (const { allow } of result.denials) expect(allow).not.toContain('tool.call=pay')
    const decided = await security.authorize({
      token: child.token,
      operation: 'tool.call',
      resource: 'pay',
      input: { sum: 9 },
    })
    expect(decided).toMatchObject({ denial: { reason: 'argument', argument: { name: 'sum', expected: '-∞..5' } } })
    await own.dispose()
  })
})
