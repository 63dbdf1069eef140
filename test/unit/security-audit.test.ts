/** The log of tokens' use: it verifies, and whatever is changed, cut at the front or glued on does not. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createSecurityManager, type SecurityManager } from '../../src/security/index.ts'
import { openSecurity, refusal, rules } from '../security-world.ts'

async function logged(work: (security: SecurityManager) => Promise<void>) {
  const pieces: Uint8Array[] = []
  const { security, options } = await openSecurity({ audit: { append: (bytes) => void pieces.push(bytes) } })
  await work(security)
  await security.flushAudit()
  const bytes = () => new Uint8Array(pieces.flatMap((piece) => [...piece]))
  return { security, options, pieces, bytes }
}

const work = async (security: SecurityManager) => {
  const { token, jti } = await security.mint({ grants: rules('tool.call=t'), subject: 'bot' })
  await security.authorize({ token, operation: 'tool.call', resource: 't' })
  await security.authorize({ token, operation: 'tool.call', resource: 'other' })
  await security.flushAudit()
  await security.revoke(jti)
  await refusal(security.verify(token))
  for (let call = 0; call < 2; call++) await security.limit('alice', { per: '1h', burst: 1 })
}

test('who did what is in it, denials at once', async () => {
  const { security, bytes, pieces } = await logged(work)
  const { events, records, unsigned, signatures } = await security.verifyAudit(bytes())
  expect(events.map(({ event, outcome }) => `${event} ${outcome}`)).toEqual([
    'rotate allowed',
    'mint allowed',
    'authorize allowed',
    'authorize denied',
    'revoke allowed',
    'verify denied',
    'limit denied',
  ])
  expect({ records, unsigned, signatures }).toEqual({ records: 7, unsigned: 0, signatures: 2 })
  expect(events[1]).toMatchObject({ detail: 'bot' })
  await security.authorize({ token: 'x', operation: 'tool.call', resource: 't' }).catch(() => {})
  expect(pieces.length).toBeGreaterThan(4)
  expect((await security.verifyAudit(bytes())).unsigned).toBe(1)
})

test('an earlier log goes on, over rotations of its keys', async () => {
  const first = await logged(work)
  const { last } = await first.security.verifyAudit(first.bytes())
  const more: Uint8Array[] = []
  const next = createSecurityManager({
    ...first.options,
    audit: { append: (bytes) => void more.push(bytes) },
    auditAfter: last,
  })
  await next.rotate({ compromised: true })
  await next.mint({ grants: rules('clock') })
  await next.flushAudit()
  const whole = new Uint8Array([...first.bytes(), ...more.flatMap((piece) => [...piece])])
  expect(await next.verifyAudit(whole)).toMatchObject({ records: 9, unsigned: 0 })
})

describe('a log that was touched', () => {
  test('any changed byte, and any cut but at the end of a piece, is found', async () => {
    const { security, bytes } = await logged(work)
    const whole = bytes()
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const touched = whole.slice()
        touched[at]! ^= change
        expect(await refusal(security.verifyAudit(touched))).not.toBe('accepted')
      }),
      { numRuns: 300 },
    )
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: whole.length - 1 }), async (length) => {
        const answer = await security.verifyAudit(whole.slice(0, length)).catch((error: Error) => error.message)
        // Cut between pieces it is the log of an earlier time: fewer records, some not signed.
        if (typeof answer === 'object')
          expect(answer.records < 7 || answer.unsigned > 0 || answer.signatures < 2).toBe(true)
      }),
      { numRuns: 200 },
    )
    expect(await refusal(security.verifyAudit(whole.slice(13)))).toContain('does not begin as one')
  })

  test('a record that is taken out, and a log of another manager', async () => {
    const { security, pieces, bytes } = await logged(work)
    const without = pieces.filter((_, index) => index !== 2)
    expect(await refusal(security.verifyAudit(new Uint8Array(without.flatMap((piece) => [...piece]))))).toContain(
      'was changed before record',
    )
    const other = await logged(work)
    expect(await refusal(other.security.verifyAudit(bytes()))).toContain('does not hold')
  })
})

test('a sink that fails is said, and not hidden', async () => {
  const { security } = await openSecurity({ audit: { append: () => Promise.reject(new Error('disk full')) } })
  await security.mint({ grants: rules('clock') })
  expect(await refusal(security.flushAudit() as Promise<unknown>)).toBe('disk full')
})

test('while nothing can be written records wait in order, and what is too much is counted', async () => {
  const pieces: Uint8Array[] = []
  let full = true
  const append = (bytes: Uint8Array) => {
    if (full) throw new Error('disk full')
    pieces.push(bytes)
  }
  const { security } = await openSecurity({ audit: { append } })
  const { token } = await security.mint({ grants: rules('clock') })
  const name = 'n'.repeat(2_000)
  const ask = () => security.authorize({ token, operation: 'tool.call', resource: name })
  for (let call = 0; call < 5_000; call++) await ask()
  expect(await refusal(security.flushAudit() as Promise<unknown>)).toBe('disk full')
  full = false
  await security.flushAudit()
  await ask()
  await security.flushAudit()
  const { events } = await security.verifyAudit(new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer()))
  const lost = events.filter(({ event }) => event === 'lost')
  const kept = events.filter(({ event }) => event === 'authorize')
  expect(lost).toHaveLength(1)
  expect(kept.length + (lost[0]?.records ?? 0)).toBe(5_001)
  expect(kept.length).toBeGreaterThan(3_000)
  expect(kept.length).toBeLessThan(5_000)
})

test('what happens while a head is signed lies behind its signature', async () => {
  const pieces: Uint8Array[] = []
  const { security } = await openSecurity({ audit: { append: (bytes) => void pieces.push(bytes) } })
  const { token } = await security.mint({ grants: rules('clock') })
  const busy = Array.from({ length: 20 }, async () => {
    await security.authorize({ token, operation: 'tool.call', resource: 'no' })
    await security.flushAudit()
    await security.authorize({ token, operation: 'tool.call', resource: 'no' })
  })
  await Promise.all(busy)
  await security.flushAudit()
  const log = new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer())
  expect((await security.verifyAudit(log)).unsigned).toBe(0)
})
