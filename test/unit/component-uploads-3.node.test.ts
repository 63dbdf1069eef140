/** Bodies that components of WASI 0.3 send: streams, read piece by piece when the piece before was taken, with a future that tells how it went. */
import { beforeEach, expect, test } from 'vitest'
import { hear, hearLater, quiet, tokaHere, upload, uploading } from '../component-uploads.node.ts'
import type { Upload, Uploaded } from '../component-uploads.ts'
import { UPLOAD_3 } from '../components/wasi-3-upload-text.ts'
import { LETS_GO } from '../components/wasi-2-upload-text.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { grant, handlers, lookup, port } from '../network-world.node.ts'
import { skipReasons } from '../skip-reasons.ts'

const PIECE = 65_536
/** Places among the errors of wasi:http. */
const ERROR = { dnsTimeout: 0, terminated: 7, denied: 15, requestBodySize: 17, trailers: 23 } as const
const send = (path: string, asked: Upload): Promise<Uploaded> => upload(path, { ...asked, component: 'wasi3' })
const answered = (body: string, more: Partial<Uploaded> = {}): Partial<Uploaded> => ({
  ...{ outcome: 'answered', status: 200, body, finish: undefined, ended: undefined },
  ...more,
})

beforeEach(async ({ skip }) => skip(!(await canSuspend()), skipReasons.noJspi))

test.each(['inline', 'worker'] as const)('%s: a body that is larger than its memory arrives whole', async (way) => {
  const heard = hear('/whole')
  const result = await send('/whole', { pieces: 1_024, size: PIECE, way })
  expect(result).toMatchObject(answered(String(1_024 * PIECE), { pieces: 1_024 }))
  expect(heard).toMatchObject({ ended: 1, framing: 'chunked' })
  expect(result.memoryBytes).toBeLessThan(8 * 2 ** 20)
  expect(result.bytesWritten).toBe(1_024 * PIECE)
  expect(await quiet(heard)).toBe(0)
})

test('pieces come in their order; a length that is declared is sent, and of no stream none', async () => {
  const heard = hear('/order')
  expect(await send('/order', { pieces: 9, size: 4_000, length: '36000' })).toMatchObject(answered('36000'))
  expect(heard.order).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(heard.framing).toBe('36000')
  expect(await send('/order', { how: UPLOAD_3.NO_BODY })).toMatchObject(answered('0'))
  expect(heard.framing).toBe('0')
  expect(await send('/order', { method: 0, how: UPLOAD_3.NO_BODY })).toMatchObject(answered('0'))
  expect(heard.framing).toBe('none')
  // A stream of nothing.
  expect(await send('/order', { method: 0 })).toMatchObject(answered('0'))
  expect(heard.framing).toBe('none')
})

test('a length that is not kept, trailers, and a body that says that it failed: the request is cut off', async () => {
  const heard = hear('/cut-off')
  const size = { outcome: 'failed', error: ERROR.requestBodySize, finish: ERROR.requestBodySize }
  expect(await send('/cut-off', { pieces: 3, size: 4_000, length: '13000' })).toMatchObject({ ...size, pieces: 3 })
  expect(await send('/cut-off', { pieces: 9, size: 4_000, length: '13000' })).toMatchObject(size)
  expect(await send('/cut-off', { how: UPLOAD_3.NO_BODY, length: '1' })).toMatchObject(size)
  const trailers = { outcome: 'failed', error: ERROR.trailers, finish: ERROR.trailers }
  expect(await send('/cut-off', { pieces: 2, size: 9, how: UPLOAD_3.TRAILERS })).toMatchObject(trailers)
  // The error is the component's own.
  const own = { outcome: 'failed', error: ERROR.dnsTimeout, finish: ERROR.dnsTimeout }
  expect(await send('/cut-off', { pieces: 2, size: 9, how: UPLOAD_3.FAILS })).toMatchObject(own)
  expect(heard.ended).toBe(0)
  expect(await quiet(heard)).toBe(0)
})

test('a component waits while its server does not read, and is killed in its wait', async () => {
  const { heard, go } = hearLater('/slow')
  const result = await send('/slow', { pieces: 1_000_000, size: PIECE, options: { limits: { timeoutMs: 1_500 } } })
  expect(result.run.error?.code).toBe('TOKA_LIMIT_TIME')
  expect(result.bytesWritten).toBeLessThan(400 * PIECE)
  go()
  expect(await quiet(heard)).toBe(0)
  expect(heard.ended).toBe(0)
})

test('an answer may come before the body is written, and one that refuses ends the stream', async () => {
  handlers['/early'] = (request, response) => {
    response.write('early, ')
    let bytes = 0
    request.on('data', (piece: Buffer) => (bytes += piece.length))
    request.on('end', () => response.end(String(bytes)))
  }
  const early = await send('/early', { pieces: 5, size: 1_000, how: UPLOAD_3.ANSWER_FIRST })
  expect(early).toMatchObject(answered('early, 5000', { pieces: 5 }))
  handlers['/refuse'] = (request, response) => {
    request.once('data', () => response.writeHead(413).write('too large'))
    request.resume()
    setTimeout(() => response.end(), 200)
  }
  const refused = await send('/refuse', { pieces: 4_000, size: 4_096 })
  expect(refused).toMatchObject({ outcome: 'answered', status: 413, body: 'too large', ended: 'closed' })
})

test('a call that is cancelled cuts its request off: nobody reads the stream, and the transmission has failed', async () => {
  const heard = hear('/cancelled')
  const result = await send('/cancelled', { pieces: 5, size: 4_096, how: LETS_GO.atOnce })
  expect(result).toMatchObject({ outcome: 'let go', ended: 'closed', finish: ERROR.terminated })
  expect(heard.ended).toBe(0)
  expect(await quiet(heard)).toBe(0)
})

test('quotas and refusals end it: the answer and the transmission are denied', async () => {
  const heard = hear('/quota')
  const options = { grants: [grant({ methods: ['POST'], quota: { bytes: 3 * 4_096 + 10 } })] }
  const denied = { outcome: 'failed', error: ERROR.denied, finish: ERROR.denied }
  expect(await send('/quota', { pieces: 9, size: 4_096, options })).toMatchObject({ ...denied, ended: 'closed' })
  expect(heard.bytes).toBeLessThanOrEqual(3 * 4_096)
  expect(heard.ended).toBe(0)
  expect(await quiet(heard)).toBe(0)
  const elsewhere = await send('/quota', { pieces: 9, size: 4_096, host: 'b.test' })
  expect(elsewhere).toMatchObject({ ...denied, bytesWritten: 0 })
})

test('whatever of an answer it lets go of, its place is free for the next request', async () => {
  let open = 0
  handlers['/let-go'] = (request, response) => {
    open++
    request.socket.on('close', () => open--)
    request.resume()
    request.on('end', () => response.end(Buffer.alloc(2 ** 22)))
  }
  const asked = { ...uploading({ network: { lookup, concurrent: 1 } }, 'wasi3'), call: 'let-go' }
  const toka = await tokaHere()
  for (const [pieces, how] of [[0, UPLOAD_3.NO_BODY] as const, [2, 0] as const]) {
    const result = await toka.run({ ...asked, input: [`a.test:${port}`, '/let-go', pieces, how] })
    expect(result.error).toBeUndefined()
    expect([...(result.value as Uint8Array)]).toEqual([2, 0, 2, 0, 2, 0, 0, 0])
  }
  for (let tries = 0; open > 0 && tries < 150; tries++) await new Promise((done) => setTimeout(done, 20))
  expect(open).toBe(0)
})
