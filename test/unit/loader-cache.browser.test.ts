/** The cache of a browser: kept by the Cache API, by name, and nothing where that fails. */
import { afterEach, expect, it, vi } from 'vitest'
import { openCache } from '../../src/loader/cache.browser.ts'

const BYTES = new Uint8Array([1, 2, 3])
afterEach(async () => {
  vi.unstubAllGlobals()
  await caches.delete('toka-test')
})

it('a value comes back under its key, from a cache opened later', async () => {
  await openCache('toka-test').put('a key/with ü', BYTES)
  expect(await openCache('toka-test').get('a key/with ü')).toEqual(BYTES)
  expect(await openCache('toka-test').get('another')).toBeUndefined()
})

it('an entry that somebody else wrote is nothing', async () => {
  await openCache('toka-test').put('key', BYTES)
  const cache = await caches.open('toka-test')
  const [request] = await cache.keys()
  await cache.put(request as Request, new Response('other'))
  expect(await openCache('toka-test').get('key')).toBeUndefined()
})

it('without a Cache API nothing is kept, and nothing is thrown', async () => {
  vi.stubGlobal('caches', undefined)
  await openCache('toka-test').put('key', BYTES)
  expect(await openCache('toka-test').get('key')).toBeUndefined()
})
