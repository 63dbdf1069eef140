/** Wasm assets arrive with the pinned hash, wherever this runtime gets them from. */
import { describe, expect, it } from 'vitest'
import { readAsset } from '#source'
import { findPin, verifyAsset } from '../../src/loader/asset.ts'
import { PINS } from '../../src/loader/pins.ts'

describe('a wasm asset', () => {
  it('of QuickJS is read and compiles', async () => {
    const bytes = await readAsset('quickjs')
    expect(bytes.length).toBe(637_405)
    expect(WebAssembly.validate(bytes)).toBe(true)
  })

  it('that nobody pinned is refused, also under a name that every object has', async () => {
    for (const name of ['other', 'constructor', '__proto__', '']) {
      await expect(readAsset(name)).rejects.toMatchObject({ code: 'TOKA_REQUEST_INVALID' })
    }
  })

  it('with one changed byte is refused, and the message says what to install', async () => {
    const bytes = await readAsset('quickjs')
    bytes[1_000] = (bytes[1_000] as number) ^ 1
    await expect(verifyAsset(findPin('quickjs'), bytes)).rejects.toMatchObject({
      code: 'TOKA_ENGINE_LOAD',
      message: expect.stringContaining(`quickjs-wasi@${PINS.quickjs.version}`),
    })
  })
})
