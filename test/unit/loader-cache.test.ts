/** The cache gives back exactly what was put, and nothing rather than something else. */
import { describe, expect, it } from 'vitest'
import { openCache } from '#cache'
import { openEntry, sealEntry } from '../../src/loader/cache-entry.ts'

const BYTES = new Uint8Array([0, 1, 2, 255])

describe('a sealed entry', () => {
  it('opens under its own key only', async () => {
    const sealed = await sealEntry('key', BYTES)
    expect(await openEntry('key', sealed)).toEqual(BYTES)
    for (const other of ['kez', 'ke', 'other']) expect(await openEntry(other, sealed)).toBeUndefined()
  })

  it('is nothing when any byte is changed or missing', async () => {
    const sealed = await sealEntry('key', BYTES)
    for (let at = 0; at < sealed.length; at++) {
      const damaged = sealed.slice()
      damaged[at] = (damaged[at] as number) ^ 0x10
      expect(await openEntry('key', damaged)).toBeUndefined()
      expect(await openEntry('key', sealed.slice(0, at))).toBeUndefined()
    }
  })

  it('may hold nothing at all', async () => {
    expect(await openEntry('key', await sealEntry('key', new Uint8Array()))).toEqual(new Uint8Array())
  })
})

describe('a cache that has nothing under a key', () => {
  it('answers nothing and does not throw', async () => {
    expect(await openCache('no-such-place').get('key')).toBeUndefined()
  })
})
