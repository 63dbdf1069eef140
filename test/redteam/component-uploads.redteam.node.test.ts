/** Bodies that components send, and answers that they let go of: decided on at each piece, and with whatever ends them their connection is closed and their place free. */
import { describe, expect, test } from 'vitest'
import { createToka, type SandboxOptions } from '../../src/index.ts'
import { hear, hearLater, quiet, tokaHere, upload, uploading } from '../component-uploads.node.ts'
import { argumentsOf, readUploaded } from '../component-uploads.ts'
import { UPLOAD } from '../components/wasi-2-upload-text.ts'
import type { Way } from '../isolations.ts'
import { grant, handlers, lookup, port } from '../network-world.node.ts'
import { openSecurity } from '../security-world.ts'

const PIECE = 4_096
/** Places among the errors of wasi:http. */
const ERROR = { unavailable: 3, connectionTimeout: 8, limitReached: 11, denied: 15, requestBodySize: 17 } as const
const server = (): string => `a.test:${port}`
const post = (more: object = {}) => grant({ methods: ['POST'], ...more })
const endless = { pieces: 1_000_000, size: PIECE }
const BOTH: readonly Way[] = ['inline', 'worker that cannot suspend']

describe.each(BOTH)('%s:', (way) => {
  test('more than the quota of bytes is not sent, and the answer is that it is denied', async () => {
    const heard = hear('/quota')
    const options = { grants: [post({ quota: { bytes: 3 * PIECE + 10 } })] }
    const result = await upload('/quota', { pieces: 9, size: PIECE, options, way })
    expect(result).toMatchObject({ outcome: 'failed', error: ERROR.denied, pieces: 3 })
    expect(result).toMatchObject({ ended: 'failed', endedWith: ERROR.denied, bytesWritten: 3 * PIECE })
    expect(result.run.denials[0]).toMatchObject({ operation: 'net.fetch', reason: 'quota' })
    expect(heard.bytes).toBeLessThanOrEqual(3 * PIECE)
    expect(heard.ended).toBe(0)
    expect(await quiet(heard)).toBe(0)
  })

  test('a component that is killed while it writes leaves no connection', async () => {
    const heard = hear('/killed')
    const result = await upload('/killed', { ...endless, options: { limits: { timeoutMs: 500 } }, way })
    expect(result.run.error?.code).toBe('TOKA_LIMIT_TIME')
    expect(heard.bytes).toBeGreaterThan(0)
    expect(heard.ended).toBe(0)
    expect(await quiet(heard)).toBe(0)
  })

  test('one that waits for a server that reads nothing is killed in its wait', async () => {
    const { heard, go } = hearLater('/stuck')
    const result = await upload('/stuck', { ...endless, options: { limits: { timeoutMs: 1_500 } }, way })
    expect(result.run.error?.code).toBe('TOKA_LIMIT_TIME')
    // A server hears of the end when it reads.
    go()
    expect(await quiet(heard)).toBe(0)
    expect(heard.ended).toBe(0)
  })

  test('whatever of an answer it lets go of, its place is free for the next request, and its connection closed', async () => {
    let open = 0
    handlers['/let-go'] = (request, response) => {
      open++
      request.socket.on('close', () => open--)
      request.resume()
      // More than the sockets hold, so that nobody can have read it all.
      request.on('end', () => response.end(Buffer.alloc(2 ** 22)))
    }
    const asked = { ...uploading({ network: { lookup, concurrent: 1 } }), call: 'let-go' }
    const toka = await tokaHere(way)
    for (const [pieces, how] of [[0, UPLOAD.NO_BODY] as const, [2, 0] as const]) {
      const result = await toka.run({ ...asked, input: [`a.test:${port}`, '/let-go', pieces, how] })
      expect(result.error).toBeUndefined()
      // Let go of, then answered; half-way is an answer, too.
      expect([...(result.value as Uint8Array)]).toEqual([2, 0, 2, 0, 2, 0, 2, 0, 0, 0])
    }
    for (let tries = 0; open > 0 && tries < 150; tries++) await new Promise((done) => setTimeout(done, 20))
    expect(open).toBe(0)
  })
})

describe('what ends a body', () => {
  test('its own bound, a server that does not read in time, and one that cuts the connection', async () => {
    const heard = hear('/bound')
    handlers['/idle'] = () => {}
    handlers['/cut'] = (request) => void request.once('data', () => request.socket.destroy())
    const network = { lookup, requestBytes: 20 * PIECE, idleTimeoutMs: 300 }
    const bound = await upload('/bound', { pieces: 40, size: PIECE, options: { network } })
    const size = ERROR.requestBodySize
    expect(bound).toMatchObject({ outcome: 'failed', error: size, ended: 'failed', endedWith: size, pieces: 20 })
    expect(await quiet(heard)).toBe(0)
    const idle = await upload('/idle', { ...endless, options: { network: { lookup, idleTimeoutMs: 300 } } })
    expect(idle).toMatchObject({ outcome: 'failed', error: ERROR.connectionTimeout })
    const cut = await upload('/cut', endless)
    expect(cut).toMatchObject({ outcome: 'failed', error: ERROR.unavailable, ended: 'failed' })
  })

  test('its caller, who aborts the run', async () => {
    const heard = hear('/aborted')
    const stop = new AbortController()
    const toka = await tokaHere('inline')
    setTimeout(() => stop.abort(), 300)
    const input = argumentsOf(server(), '/aborted', endless)
    const result = await toka.run({ ...uploading(), call: 'upload', input, signal: stop.signal })
    expect(result.status).toBe('cancelled')
    expect(heard.bytes).toBeGreaterThan(0)
    expect(await quiet(heard)).toBe(0)
  })

  test('a token that is revoked, and a grant that ends: in the middle', async () => {
    const heard = hear('/revoked')
    const { security } = await openSecurity({ clock: { now: () => Date.now() }, pollMs: 20 })
    const own = await createToka({ cache: false, security })
    const { token, jti } = await security.mint({ grants: [post()] })
    const { grants: _, ...rest } = uploading() as Partial<SandboxOptions>
    const sandbox = await own.open({ ...rest, language: 'wasm', token } as SandboxOptions)
    const run = sandbox.call('upload', ...argumentsOf(server(), '/revoked', endless))
    setTimeout(() => void security.revoke(jti), 200)
    expect(await run).toMatchObject({ status: 'cancelled', error: { code: 'TOKA_TOKEN_REVOKED' } })
    expect(heard.bytes).toBeGreaterThan(0)
    expect(await quiet(heard)).toBe(0)
    await own.dispose()
    const expired = await upload('/revoked', { ...endless, options: { grants: [post({ expires: Date.now() + 700 })] } })
    expect(expired).toMatchObject({ outcome: 'failed', error: ERROR.denied })
    expect(expired.run.denials[0]).toMatchObject({ reason: 'expired' })
    expect(heard.ended).toBe(0)
    expect(await quiet(heard)).toBe(0)
  })

  test('a request that is not granted takes nothing of its body, and connects to nothing', async () => {
    const result = await upload('/', { pieces: 3, before: 1, size: PIECE, host: 'b.test' })
    expect(result).toMatchObject({ outcome: 'failed', error: ERROR.denied, pieces: 1, bytesWritten: 0 })
    expect(result.run.denials).toHaveLength(1)
  })
})

test('a sandbox lives on after each end, and its next body arrives', async () => {
  const heard = hear('/again')
  const toka = await tokaHere('inline')
  const sandbox = await toka.open({ ...uploading({ network: { lookup, concurrent: 1 } }) } as SandboxOptions)
  for (const how of [UPLOAD.DROPS_BODY, UPLOAD.TRAILERS, UPLOAD.DROPS_BODY | UPLOAD.FINISHES_FIRST]) {
    await sandbox.call('upload', ...argumentsOf(server(), '/again', { pieces: 2, before: 2, size: PIECE, how }))
    const next = await sandbox.call('upload', ...argumentsOf(server(), '/again', { pieces: 2, size: PIECE }))
    expect(readUploaded(next)).toMatchObject({ outcome: 'answered', body: String(2 * PIECE) })
  }
  await sandbox.dispose()
  expect(await quiet(heard)).toBe(0)
})
