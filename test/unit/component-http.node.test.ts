/** wasi:http of a component: a request is made under its grant and read in one call; one that is not granted is denied. */
import { describe, expect, test } from 'vitest'
import type { Toka } from '../../src/index.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { assembled } from '../component-bench.ts'
import { tokaOf } from '../isolations.ts'
import { grant, lookup, port, seen, toka } from '../network-world.node.ts'
import { skipReasons } from '../skip-reasons.ts'

const text = new TextDecoder()
/** The place of `HTTP-request-denied` among the errors of wasi:http. */
const DENIED = 15
/** That of `HTTP-request-body-size`. */
const BODY_SIZE = 17

const ways: Record<string, () => Toka | Promise<Toka>> = {
  'as this runtime does by itself': () => toka,
  'in a worker whose thread waits': () => tokaOf('worker that cannot suspend'),
}

describe.each(Object.keys(ways))('%s:', (way) => {
  const fetching = async (host: string, more: object = { grants: [grant()], network: { lookup } }) =>
    (await (ways[way] as () => Toka)()).run({
      ...{ language: 'wasm', module: assembled('wasi'), call: 'fetch', input: [host] },
      ...more,
    })

  test('a request that is granted is made, waited for until it is answered, and read', async () => {
    const before = seen.length
    const ended = await fetching(`a.test:${port}`)
    expect(ended.error).toBeUndefined()
    expect(text.decode(ended.value as Uint8Array)).toBe('GET /')
    expect(seen.slice(before)).toMatchObject([{ method: 'GET', url: '/', headers: { host: `a.test:${port}` } }])
    expect(ended.usage.bytesRead).toBe(5)
  })

  test('a request that is not granted connects to nothing, and is told with what would allow it', async () => {
    const before = seen.length
    const ended = await fetching(`b.test:${port}`)
    expect(ended.value).toEqual(Uint8Array.of(DENIED))
    expect(ended.denials).toHaveLength(1)
    expect(seen.length).toBe(before)
  })

  test('a request that is too large to be asked for is an error of the guest, and the host lives on', async () => {
    const ended = await fetching('a'.repeat(4_000), { limits: { flatBytes: 1_024, structuredBytes: 1_024 } })
    expect(ended.error).toBeUndefined()
    expect(ended.value).toEqual(Uint8Array.of(BODY_SIZE))
  })
})

test('a request of WASI 0.3 sends its body as a stream while it is made, and its answer is read as one', async ({
  skip,
}) => {
  skip(!(await canSuspend()), skipReasons.noJspi)
  const before = seen.length
  const body = new TextEncoder().encode('a body')
  const request = {
    language: 'wasm' as const,
    module: assembled('wasi3'),
    call: 'post',
    input: [`a.test:${port}`, body],
  }
  const ended = await toka.run({ ...request, grants: [grant({ methods: ['POST'] })], network: { lookup } })
  expect(ended.error).toBeUndefined()
  expect(text.decode(ended.value as Uint8Array)).toBe('POST /')
  expect(seen.slice(before)).toMatchObject([{ method: 'POST', url: '/', headers: { 'transfer-encoding': 'chunked' } }])
})

test('a request of WASI 0.3 that is not granted connects to nothing', async ({ skip }) => {
  skip(!(await canSuspend()), skipReasons.noJspi)
  const before = seen.length
  const input = [`b.test:${port}`, new Uint8Array(1)]
  const request = { language: 'wasm' as const, module: assembled('wasi3'), call: 'post', input }
  const ended = await toka.run({ ...request, grants: [grant({ methods: ['POST'] })], network: { lookup } })
  expect(ended.value).toEqual(Uint8Array.of(DENIED))
  expect(ended.denials).toHaveLength(1)
  expect(seen.length).toBe(before)
})
