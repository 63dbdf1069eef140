/** Tokens in runs: what every link allows is granted, revocation ends what is under way, quotas are shared, approvals are asked for. */
import { afterEach, describe, expect, test } from 'vitest'
import { type ApprovalRequest, createToka, defineTool, type SandboxOptions, type Toka } from '../../src/index.ts'
import { z } from 'zod'
import { openWay, WAYS, type Way } from '../isolations.ts'
import { openSecurity, rules } from '../security-world.ts'

const echo = defineTool({
  name: 'echo',
  description: 'Answers its argument',
  input: z.object({ text: z.string() }),
  readOnly: true,
  run: ({ text }) => text,
})
const never = defineTool({
  name: 'never',
  description: 'Answers when it is aborted',
  input: z.object({}),
  readOnly: true,
  run: (_, { signal }) => new Promise<string>((resolve) => signal.addEventListener('abort', () => resolve('late'))),
})
const open: Toka[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((toka) => toka.dispose()))
})

const world = async (way: Way) => {
  const { security } = await openSecurity({ clock: { now: () => Date.now() }, pollMs: 20 })
  const toka = await openWay(way, { security })
  open.push(toka)
  const options: SandboxOptions = { language: 'javascript', tools: [echo, never] }
  return { security, toka, options }
}

const CALLS =
  'let n = 0; for (let i = 0; i < 20; i++) { try { await tools.echo({ text: "x" }); n++ } catch {} } export default n'

describe.each(WAYS)('%s', (way) => {
  test('a token grants what all of its links allow, and a denial names the link', async () => {
    const { security, toka, options } = await world(way)
    const { token } = await security.mint({ grants: rules('tool.call=echo', 'tool.call=never') })
    const child = await security.attenuate(token, { grants: rules('tool.call=echo') })
    const result = await toka.run({
      ...options,
      token: child.token,
      source: 'export default [await tools.echo({ text: "a" }), await tools.never({}).catch((e) => e.code)]',
    })
    expect(result.value).toEqual(['a', 'TOKA_DENIED'])
    expect(result.denials).toMatchObject([
      {
        operation: 'tool.call',
        resource: 'never',
        link: 1,
        token: { jti: child.jti, constraint: 'grants.names', allows: ['tool.call echo'] },
      },
    ])
  })

  test('grants beside a token narrow it', async () => {
    const { security, toka, options } = await world(way)
    const { token } = await security.mint({ grants: rules('tool.call=echo', 'tool.call=never') })
    const result = await toka.run({
      ...options,
      token,
      grants: rules('tool.call=never'),
      source: 'export default await tools.echo({ text: "a" }).catch((e) => e.code)',
    })
    expect(result.value).toBe('TOKA_DENIED')
    expect(result.denials[0]).toMatchObject({ link: 0 })
    expect(result.denials[0]?.token).toBeUndefined()
  })

  test('ten calls are ten, however many sandboxes, forks and children there are', async () => {
    const { security, toka, options } = await world(way)
    const { token } = await security.mint({ grants: rules('tool.call=echo'), quota: { calls: 10 } })
    const child = await security.attenuate(token, { quota: { calls: 10 } })
    const one = await toka.open({ ...options, token })
    const two = await toka.open({ ...options, token: child.token })
    const three = await one.fork()
    const results = await Promise.all(
      [one, two, three].map((sandbox) => sandbox.run({ source: CALLS, file: '/t.mjs' })),
    )
    expect(results.reduce((sum, { value }) => sum + Number(value), 0)).toBe(10)
    expect((await security.inspect(token)).links[0]?.quotas[0]).toMatchObject({ initial: 10, left: 0 })
  })

  test('what a sandbox leaves unspent is there for the next', async () => {
    const { security, toka, options } = await world(way)
    const { token } = await security.mint({ grants: rules('tool.call=echo'), quota: { calls: 25 } })
    const first = await toka.run({ ...options, token, source: CALLS, file: '/t.mjs' })
    const second = await toka.run({ ...options, token, source: CALLS, file: '/t.mjs' })
    expect([first.value, second.value]).toEqual([20, 5])
  })

  test('revocation ends runs under way, and their calls, of everything beneath the link, forks too', async () => {
    const { security, toka, options } = await world(way)
    const root = await security.mint({ grants: rules('tool.call=never', 'tool.call=echo') })
    const child = await security.attenuate(root.token, {})
    const below = await security.attenuate(child.token, {})
    const [high, low] = [
      await toka.open({ ...options, token: root.token }),
      await toka.open({ ...options, token: below.token }),
    ]
    const twin = await low.fork()
    const idle = await twin.fork()
    const begun = performance.now()
    const waiting = [low, twin].map((sandbox) => sandbox.run({ source: 'export default await tools.never({})' }))
    setTimeout(() => void security.revoke(child.jti), 50)
    const revoked = { status: 'cancelled', error: { code: 'TOKA_TOKEN_REVOKED' } }
    for (const run of waiting) expect(await run).toMatchObject(revoked)
    expect(performance.now() - begun).toBeLessThan(10_000)
    const late = await idle.fork()
    for (const sandbox of [low, twin, idle, late]) expect(await sandbox.run({ source: '1 + 1' })).toMatchObject(revoked)
    const brother = await high.fork()
    expect(await brother.run({ source: 'export default await tools.echo({ text: "alive" })' })).toMatchObject({
      value: 'alive',
    })
    expect(await high.run({ source: 'export default await tools.echo({ text: "alive" })' })).toMatchObject({
      value: 'alive',
    })
    await expect(toka.open({ ...options, token: below.token })).rejects.toThrow('(revoked)')
  })

  test('keys that were stolen end the runs of their tokens, and nobody else', async () => {
    const { security, toka, options } = await world(way)
    const { token } = await security.mint({ grants: rules('tool.call=never') })
    const sandbox = await toka.open({ ...options, token })
    const waiting = sandbox.run({ source: 'export default await tools.never({})' })
    setTimeout(() => void security.rotate({ compromised: true }), 50)
    expect(await waiting).toMatchObject({ status: 'cancelled', error: { code: 'TOKA_TOKEN_REVOKED' } })
    const next = await security.mint({ grants: rules('tool.call=echo') })
    const other = await toka.open({ ...options, token: next.token })
    await security.rotate()
    expect(await other.run({ source: 'export default await tools.echo({ text: "alive" })' })).toMatchObject({
      value: 'alive',
    })
  })

  test('a call that a grant wants approved waits for yes, no, a narrower yes, or the end of patience', async () => {
    const { toka, options } = await world(way)
    const asked: ApprovalRequest[] = []
    const sandbox = await toka.open({
      ...options,
      grants: [{ resource: 'tool', actions: ['call'], names: ['echo'], approval: 'required' }],
      approvalTimeoutMs: 100,
      onApproval: (request) => {
        asked.push(request)
        const { text } = request.input as { text: string }
        if (text === 'wait') return new Promise(() => {})
        if (text === 'few')
          return {
            grants: [
              {
                resource: 'tool',
                actions: ['call'],
                names: ['echo'],
                args: { text: { equals: 'few' } },
                quota: { calls: 2 },
              },
            ],
          }
        if (text === 'throw') throw new Error('no')
        return text === 'yes'
      },
    })
    const source =
      'export default async (texts) => { const out = []; for (const text of texts) out.push(await tools.echo({ text }).catch((e) => e.code)); return out }'
    const texts = ['yes', 'no', 'wait', 'throw', 'few', 'few', 'few']
    const result = await sandbox.run({ source, input: texts })
    const denied = 'TOKA_DENIED'
    expect(result.value).toEqual(['yes', denied, denied, denied, 'few', 'few', 'few'])
    expect(result.denials.map(({ reason }) => reason)).toEqual(['approval', 'approval-timeout', 'approval-failed'])
    expect(asked.map(({ input }) => (input as { text: string }).text)).toEqual([
      'yes',
      'no',
      'wait',
      'throw',
      'few',
      'few',
    ])
    expect(asked[0]).toEqual({ operation: 'tool.call', resource: 'echo', input: { text: 'yes' } })
  })

  test('arguments are constrained, and one that nobody named is refused', async () => {
    const { toka, options } = await world(way)
    const grants: SandboxOptions['grants'] = [
      { resource: 'tool', actions: ['call'], names: ['echo'], args: { text: { prefix: 'ok' } } },
    ]
    const source =
      'export default await Promise.all([{ text: "ok 1" }, { text: "no" }, { text: "ok", more: 1 }, {}].map((input) => tools.echo(input).catch((e) => e.code)))'
    const result = await toka.run({ ...options, grants, source })
    expect(result.value).toEqual(['ok 1', 'TOKA_DENIED', 'TOKA_DENIED', 'TOKA_DENIED'])
  })

  test('after a secret was read what is closed after it stays closed, in forks too', async () => {
    const { toka, options } = await world(way)
    const sandbox = await toka.open({
      ...options,
      grants: [
        { resource: 'tool', actions: ['call'], names: ['never'], flow: { raises: 'secret' }, quota: { calls: 0 } },
        { resource: 'fs', actions: ['read'], paths: ['/secret/**'], flow: { raises: 'secret' } },
        { resource: 'tool', actions: ['call'], names: ['echo'], flow: { forbiddenAfter: 'secret' } },
      ],
      mounts: [{ at: '/secret', from: { files: { key: 'hidden' } }, mode: 'ro' }],
    })
    const twin = await sandbox.fork()
    const before = await sandbox.snapshot()
    const call = 'export default await tools.echo({ text: "out" }).catch((e) => e.code)'
    expect((await sandbox.run({ source: call })).value).toBe('out')
    expect((await sandbox.run({ source: 'require("fs").readFileSync("/secret/key", "utf8")' })).value).toBe('hidden')
    // A snapshot holds what was read, and says so to who goes on from it; one of before does not.
    const powers: Pick<SandboxOptions, 'tools' | 'grants'> = {
      tools: [echo],
      grants: [{ resource: 'tool', actions: ['call'], names: ['echo'], flow: { forbiddenAfter: 'secret' } }],
    }
    const earlier = await toka.restore(before, powers)
    expect((await earlier.run({ source: call })).value).toBe('out')
    // Each holds memories, of which a page has few.
    await earlier.dispose()
    const blind = await toka.restore(await sandbox.snapshot())
    const restored = await toka.restore(await (await blind.fork()).snapshot(), powers)
    for (const make of [
      async () => sandbox,
      async () => twin,
      () => twin.fork(),
      () => restored.fork(),
      async () => restored,
    ]) {
      const each = await make()
      const result = await each.run({ source: call })
      expect(result.value).toBe('TOKA_DENIED')
      expect(result.denials[0]).toMatchObject({ reason: 'flow' })
      if (each !== twin) await each.dispose()
    }
  })
})

test('who answers too late has not said yes, for later calls neither', async () => {
  const { toka, options } = await world('inline')
  let answer = (_: { grants: { resource: 'tool'; actions: ['call']; names: string[] }[] }): void => {}
  const sandbox = await toka.open({
    ...options,
    grants: [{ resource: 'tool', actions: ['call'], names: ['echo'], approval: 'required' }],
    approvalTimeoutMs: 50,
    onApproval: () => new Promise((resolve) => (answer = resolve)),
  })
  const source = 'export default await tools.echo({ text: "x" }).catch((e) => e.code)'
  for (let round = 0; round < 2; round++) {
    expect((await sandbox.run({ source })).value).toBe('TOKA_DENIED')
    answer({ grants: [{ resource: 'tool', actions: ['call'], names: ['echo'] }] })
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
})

test('a token needs a Toka that was given security', async () => {
  const toka = await createToka({ cache: false })
  open.push(toka)
  await expect(toka.open({ language: 'javascript', token: 'x' })).rejects.toThrow('createToka must be given `security`')
})
