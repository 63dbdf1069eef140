/** Bodies that components of WASI 0.2 send: written piece by piece before and after the request is handed over, with backpressure, to an end that both sides know. */
import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { handlers } from '../network-world.node.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { UPLOAD } from '../components/wasi-2-upload-text.ts'
import { hear, quiet, tokaHere, upload, uploading } from '../component-uploads.node.ts'
import type { Uploaded } from '../component-uploads.ts'
import { WAYS, type Way } from '../isolations.ts'

type Ok = { tag: 'ok'; val: unknown }

const PIECE = 65_536
/** Places among the errors of wasi:http. */
const ERROR = { requestBodySize: 17, trailers: 23, protocol: 35 } as const
const answered = (body: string, more: Partial<Uploaded> = {}): Partial<Uploaded> => ({
  outcome: 'answered',
  status: 200,
  body,
  finish: undefined,
  ended: undefined,
  ...more,
})

describe.each(WAYS)('%s:', (way) => {
  test('a body that is larger than its memory arrives whole: asked for, waited for, written', async () => {
    const heard = hear('/whole')
    const pieces = way === 'inline' ? 1_024 : 256
    const options = { limits: { timeoutMs: 50_000 } }
    const result = await upload('/whole', { pieces, size: PIECE, how: UPLOAD.POLLS, way, options })
    expect(result).toMatchObject(answered(String(pieces * PIECE), { pieces }))
    expect(heard).toMatchObject({ ended: 1, framing: 'chunked' })
    expect(result.memoryBytes).toBeLessThan(8 * 2 ** 20)
    expect(result.bytesWritten).toBe(pieces * PIECE)
    expect(await quiet(heard)).toBe(0)
  })
})

const BOTH: readonly Way[] = ['inline', 'worker that cannot suspend']

describe.each(BOTH)('%s:', (way) => {
  test('what is written and flushed comes behind what was kept before the request, in its order', async () => {
    const heard = hear('/order')
    const result = await upload('/order', { pieces: 9, before: 4, size: 4_000, way })
    expect(result).toMatchObject(answered('36000', { pieces: 9 }))
    expect(heard.order).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(heard).toMatchObject({ ended: 1, framing: 'chunked' })
  })

  test('a body that is whole before its request is sent with its length, and one without bytes says nothing', async () => {
    const heard = hear('/first')
    const whole = { pieces: 3, before: 3, size: 100, how: UPLOAD.FINISHES_FIRST, way }
    expect(await upload('/first', whole)).toMatchObject(answered('300'))
    expect(heard.framing).toBe('300')
    expect(await upload('/first', { method: 0, way })).toMatchObject(answered('0'))
    expect(heard.framing).toBe('none')
    expect(await upload('/first', { method: 0, how: UPLOAD.KEEPS_BODY, way })).toMatchObject(answered('0'))
    expect(heard.framing).toBe('none')
    expect(await upload('/first', { how: UPLOAD.NO_BODY, way })).toMatchObject(answered('0'))
    expect(heard).toMatchObject({ framing: '0', ended: 4 })
  })

  test('a length that is declared is sent and kept to: more fails where it is written, less where it ends', async () => {
    const heard = hear('/declared')
    const exact = { length: '8000', pieces: 4, before: 1, size: 2_000, way }
    expect(await upload('/declared', exact)).toMatchObject(answered('8000'))
    expect(heard).toMatchObject({ framing: '8000', ended: 1 })
    const failed = { outcome: 'failed', error: ERROR.requestBodySize }
    const ended = { ended: 'failed', endedWith: ERROR.requestBodySize }
    expect(await upload('/declared', { ...exact, length: '7000' })).toMatchObject({ ...failed, ...ended, pieces: 3 })
    expect(await upload('/declared', { ...exact, pieces: 3 })).toMatchObject({
      ...failed,
      finish: ERROR.requestBodySize,
    })
    expect(await upload('/declared', { ...exact, how: UPLOAD.NO_BODY })).toMatchObject(failed)
    for (const length of ['8,000', '-1', '1e3', '9'.repeat(30)])
      expect(await upload('/declared', { ...exact, length })).toMatchObject({ outcome: 'refused' })
    expect(heard.ended).toBe(1)
    expect(await quiet(heard)).toBe(0)
  })

  test('a body that is dropped, or given trailers, is no whole one: its request is cut off', async () => {
    const heard = hear('/cut-off')
    const some = { pieces: 3, before: 1, size: 1_000, way }
    const failed = { outcome: 'failed', error: ERROR.protocol, pieces: 3 }
    expect(await upload('/cut-off', { ...some, how: UPLOAD.DROPS_BODY })).toMatchObject(failed)
    expect(await upload('/cut-off', { ...some, how: UPLOAD.DROPS_BODY, before: 3 })).toMatchObject(failed)
    expect(await upload('/cut-off', { ...some, how: UPLOAD.TRAILERS })).toMatchObject({
      ...failed,
      finish: ERROR.trailers,
    })
    expect(heard.ended).toBe(0)
    expect(await quiet(heard)).toBe(0)
    const before = { ...some, before: 3, how: UPLOAD.DROPS_BODY | UPLOAD.FINISHES_FIRST }
    const never = hear('/never')
    expect(await upload('/never', before)).toMatchObject(failed)
    expect(never.framing).toBeUndefined()
  })
})

test('a component waits while its server does not read, and goes on when it does', async () => {
  const stalled = Promise.withResolvers<void>()
  const moved: number[] = []
  let socket: Socket | undefined
  handlers['/slow'] = (request, response) => {
    socket = request.socket
    void stalled.promise.then(() => {
      request.resume()
      request.on('end', () => response.end('read'))
    })
  }
  const work = upload('/slow', { pieces: 512, size: PIECE, how: UPLOAD.POLLS })
  // What fits into the sockets of both sides, and then nothing.
  for (let same = 0; same < 10; ) {
    await new Promise((done) => setTimeout(done, 40))
    const now = socket?.bytesRead ?? 0
    same = now > 0 && now === moved.at(-1) ? same + 1 : 0
    moved.push(now)
  }
  expect(moved.at(-1)).toBeLessThan(400 * PIECE)
  stalled.resolve()
  expect(await work).toMatchObject(answered('read', { pieces: 512 }))
})

test('an answer may come, and be waited for, before the body is written', async () => {
  handlers['/early'] = (request, response) => {
    response.write('early, ')
    let bytes = 0
    request.on('data', (piece: Buffer) => (bytes += piece.length))
    request.on('end', () => response.end(String(bytes)))
  }
  const early = { pieces: 5, size: 1_000, how: UPLOAD.ANSWER_FIRST }
  expect(await upload('/early', early)).toMatchObject(answered('early, 5000', { pieces: 5 }))
})

test('a server that refuses with an answer wants no more: the stream is closed, and the answer is read', async () => {
  handlers['/refuse'] = (request, response) => {
    request.once('data', () => response.writeHead(413).write('too large'))
    request.resume()
    setTimeout(() => response.end(), 200)
  }
  const result = await upload('/refuse', { pieces: 4_000, size: 4_096 })
  expect(result).toMatchObject({ outcome: 'answered', status: 413, body: 'too large', ended: 'closed' })
  expect(result.pieces).toBeLessThan(4_000)
})

test('before its request a body has as much as a request may, and more is an error of its stream', async () => {
  const limits = { flatBytes: 100_000, structuredBytes: 100_000 }
  const heard = hear('/kept')
  const kept = { pieces: 25, before: 25, size: 4_000, options: { limits } }
  expect(await upload('/kept', kept)).toMatchObject(answered('100000', { pieces: 25 }))
  const more = await upload('/kept', { ...kept, pieces: 26, before: 26 })
  expect(more).toMatchObject({ pieces: 25, ended: 'failed', endedWith: ERROR.requestBodySize })
  expect(heard.order.slice(0, 25)).toEqual(Array.from({ length: 25 }, (_, at) => at + 1))
})

test('pieces are made to fit what may cross the border', async () => {
  hear('/small')
  const options = { limits: { flatBytes: 1_024, structuredBytes: 1_024 } }
  const small = { pieces: 9, size: 4_000, options }
  expect(await upload('/small', small)).toMatchObject(answered('36000', { pieces: 9 }))
})

test('to finish a body whose stream is still there is a trap; one whose stream is dropped is finished', async () => {
  const toka = await tokaHere()
  const sandbox = await toka.open(uploading())
  const call = async (name: string, ...args: unknown[]) => sandbox.call(`wasi-http-types-${name}`, ...args)
  const body = async (): Promise<[unknown, unknown]> => {
    const { value: fields } = await call('constructor-fields')
    const { value: request } = await call('constructor-outgoing-request', fields)
    const { value: made } = await call('method-outgoing-request-body', request)
    const { value: stream } = await call('method-outgoing-body-write', (made as Ok).val)
    return [(made as Ok).val, (stream as Ok).val]
  }
  const [first, stream] = await body()
  await sandbox.call('[resource-drop]output-stream', stream)
  expect(await call('static-outgoing-body-finish', first, undefined)).toMatchObject({ value: { tag: 'ok' } })
  const [second] = await body()
  const { error } = await call('static-outgoing-body-finish', second, undefined)
  expect(error).toMatchObject({ code: 'TOKA_GUEST_TRAP', message: expect.stringContaining('stream is not dropped') })
  await sandbox.dispose()
})

test('a sandbox that may make one call at a time makes its requests', async () => {
  hear('/one')
  const options = { limits: { concurrentCalls: 1 } }
  expect(await upload('/one', { method: 0, how: UPLOAD.NO_BODY, options })).toMatchObject(answered('0'))
  expect(await upload('/one', { pieces: 20, size: 4_000, options })).toMatchObject(answered('80000'))
  const whole = { pieces: 3, before: 3, size: 100, how: UPLOAD.FINISHES_FIRST, options }
  expect(await upload('/one', whole)).toMatchObject(answered('300'))
  if (await canSuspend())
    expect(await upload('/one', { pieces: 20, size: 4_000, component: 'wasi3', options })).toMatchObject(
      answered('80000'),
    )
})
