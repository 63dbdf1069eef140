/** Bodies that components of WASI 0.2 send: written piece by piece before and after the request is handed over, with backpressure, to an end that both sides know. */
import { describe, expect, test } from 'vitest'
import { UPLOAD } from '../components/wasi-2-upload-text.ts'
import { hear, quiet, upload, type Uploaded } from '../component-uploads.node.ts'
import { WAYS } from '../isolations.ts'


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
    const result = await upload('/whole', { pieces: 1_024, size: PIECE, how: UPLOAD.POLLS, way })
    console.log(result.run.error, result.run.usage, way, heard)
    expect(result).toMatchObject(answered(String(1_024 * PIECE), { pieces: 1_024 }))
    expect(heard).toMatchObject({ ended: 1, framing: 'chunked' })
    expect(result.memoryBytes).toBeLessThan(8 * 2 ** 20)
    expect(result.bytesWritten).toBe(1_024 * PIECE)
    expect(await quiet(heard)).toBe(0)
  })
})

describe.each(['inline', 'worker that cannot suspend'] as const)('%s:', (way) => {
  test('what is written and flushed is one with what was kept before the request, in its order', async () => {
    const heard = hear('/order')
    const result = await upload('/order', { pieces: 9, before: 4, size: 4_000, way })
    console.log(result.run.error, result.run.usage, way, heard)
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
})
