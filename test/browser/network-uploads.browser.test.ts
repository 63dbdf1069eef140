/** Bodies that guests of a page send in pieces: collected, sent as a whole, and no more of them than a page may collect. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { commands } from 'vitest/browser'
import { createToka, parseRule, type SandboxOptions, type Toka } from '../../src/index.ts'
import type { HeardRequest } from './upload-server.ts'

declare module 'vitest/browser' {
  interface BrowserCommands {
    openUploadServer: () => Promise<number>
    heardUploads: () => Promise<HeardRequest[]>
    closeUploadServer: () => Promise<void>
  }
}

const MIB = 2 ** 20
const MOST = 4 * MIB

let port = 0
beforeAll(async () => {
  port = await commands.openUploadServer()
})
afterAll(() => commands.closeUploadServer())
beforeEach(() => commands.heardUploads())

describe.each(['inline', 'worker'] as const)('%s:', (isolation) => {
  let toka: Toka
  beforeAll(async () => {
    toka = await createToka({ isolation, cache: false })
  })
  afterAll(() => toka.dispose())

  const sending = (source: string, options: Partial<SandboxOptions> = {}) =>
    toka.run({
      language: 'javascript',
      file: '/t.mjs',
      source: `async function* pieces(sizes, end = () => {}) { let n = 0; for (const size of sizes) yield new Uint8Array(size).fill(++n); end() }
        const send = (path, body, more) => fetch('http://127.0.0.1:${port}' + path, { method: 'POST', body, duplex: 'half', ...more })
        const told = (work) => work.then((r) => r.text(), (e) => [e.code ?? e.name, e.message])
        ${source}`,
      grants: [parseRule(`net.fetch=GET,POST http://127.0.0.1:${port}/**`)],
      ...options,
    })

  test('pieces arrive together, as one body with its length', async () => {
    const result = await sending(`export default await told(send('/small', pieces([10, 0, 300000, 20])))`)
    expect(result.error).toBeUndefined()
    expect(result.value).toBe('300030')
    expect(await commands.heardUploads()).toEqual([
      { method: 'POST', path: '/small', bytes: 300_030, first: 1, last: 4, length: '300030' },
    ])
    expect(result.usage.bytesWritten).toBe(300_030)
  })

  test('4 MiB are collected, and one byte more is refused with why, before anything is sent', async () => {
    const result = await sending(
      `export default [await told(send('/most', pieces(Array(4).fill(${MIB})))), await told(send('/over', pieces([...Array(4).fill(${MIB}), 1])))]`,
    )
    const why = `the body of the request has more than ${MOST} bytes: a page cannot send a body in pieces, so they are collected first`
    expect(result.value).toEqual([String(MOST), ['TOKA_NET_SIZE', why]])
    expect((await commands.heardUploads()).map(({ path, bytes }) => [path, bytes])).toEqual([['/most', MOST]])
  })

  test('a lower bound of the program’s own is told as such', async () => {
    const result = await sending(`export default await told(send('/bound', pieces([${MIB}, 1])))`, {
      network: { requestBytes: MIB },
    })
    expect(result.value).toEqual(['TOKA_NET_SIZE', `the body of the request has more than ${MIB} bytes`])
    expect(await commands.heardUploads()).toEqual([])
  })

  test('of a body that fails or is given up nothing is sent, and its slot is free', async () => {
    const result = await sending(
      `const stop = new AbortController()
       const broken = () => pieces([10], () => { throw new RangeError('mine') })
       const aborted = () => pieces([10, 10], () => stop.abort())
       export default [
         await told(send('/broken', broken())), await told(send('/broken', broken())),
         (await told(send('/aborted', aborted(), { signal: stop.signal })))[0], await told(send('/after', pieces([3]))),
       ]`,
      { network: { concurrent: 1 } },
    )
    const mine = ['RangeError', 'mine']
    // The code of an AbortError.
    expect(result.value).toEqual([mine, mine, 20, '3'])
    expect((await commands.heardUploads()).map(({ path }) => path)).toEqual(['/after'])
  })

  test('bytes are charged as they are collected, and a denied piece ends the request unsent', async () => {
    const result = await sending(`export default (await told(send('/quota', pieces([1000, 1000]))))[0]`, {
      grants: [{ ...parseRule(`net.fetch=POST http://127.0.0.1:${port}/**`), quota: { bytes: 1_500 } } as never],
    })
    expect(result.value).toBe('TOKA_DENIED')
    expect(result.denials).toMatchObject([{ operation: 'net.fetch', reason: 'quota' }])
    expect(result.usage.bytesWritten).toBe(1_000)
    expect(await commands.heardUploads()).toEqual([])
  })
})
