/** Bodies of components in a page: collected while they are written, at most 4 MiB, and sent as a whole. */
import { afterEach, expect, test, vi } from 'vitest'
import { NETWORK } from '../../src/limits.ts'
import { assembled } from '../component-bench.ts'
import { argumentsOf, readUploaded, type Upload } from '../component-uploads.ts'
import { UPLOAD } from '../components/wasi-2-upload-text.ts'
import { tokaOf } from '../isolations.ts'

const PIECE = 65_536
/** The place of `HTTP-request-body-size` among the errors of wasi:http. */
const BODY_SIZE = 17

/** What the page's own `fetch` is asked for; it answers with how much it was given. */
function page(): { asked: { method: string; bytes: number }[] } {
  const asked: { method: string; bytes: number }[] = []
  const { fetch } = globalThis
  vi.stubGlobal('fetch', async (url: string | URL, init?: RequestInit) => {
    if (!String(url).startsWith('http://a.test/')) return fetch(url, init)
    // As the platform does: refused where the request makes no sense.
    const { method } = new Request(url, init)
    const bytes = init?.body instanceof Uint8Array ? init.body.length : 0
    asked.push({ method, bytes })
    return new Response(String(bytes))
  })
  return { asked }
}

afterEach(() => {
  vi.unstubAllGlobals()
})

async function upload(component: 'wasi' | 'wasi3', asked: Upload) {
  const toka = await tokaOf('inline')
  const run = await toka.run({
    language: 'wasm',
    module: assembled(component),
    grants: [{ resource: 'net', actions: ['fetch'], schemes: ['http'], hosts: ['a.test'], methods: ['GET', 'POST'] }],
    call: 'upload',
    input: argumentsOf('a.test', '/', asked),
  })
  return readUploaded(run)
}

test.each(['wasi', 'wasi3'] as const)('%s: a body in pieces is sent once, whole', async (component) => {
  const { asked } = page()
  const result = await upload(component, { pieces: 64, size: PIECE, how: component === 'wasi' ? UPLOAD.POLLS : 0 })
  expect(result).toMatchObject({ outcome: 'answered', status: 200, pieces: 64, body: String(NETWORK.collectedBytes) })
  expect(asked).toEqual([{ method: 'POST', bytes: 64 * PIECE }])
})

test.each(['wasi', 'wasi3'] as const)('%s: more than 4 MiB is refused as it is written', async (component) => {
  const { asked } = page()
  const result = await upload(component, { pieces: 80, size: PIECE, how: component === 'wasi' ? UPLOAD.POLLS : 0 })
  expect(result).toMatchObject({ outcome: 'failed', error: BODY_SIZE })
  expect(result.pieces).toBeLessThanOrEqual(65)
  expect(asked).toEqual([])
})

test.each(['wasi', 'wasi3'] as const)('%s: a request without a body is one without a body', async (component) => {
  const { asked } = page()
  expect(await upload(component, { method: 0 })).toMatchObject({ outcome: 'answered', body: '0' })
  expect(await upload(component, { method: 0, how: UPLOAD.NO_BODY })).toMatchObject({ outcome: 'answered', body: '0' })
  expect(asked).toEqual(Array(2).fill({ method: 'GET', bytes: 0 }))
})
