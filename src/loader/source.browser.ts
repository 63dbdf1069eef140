/** The name of a wasm asset in, its verified bytes out: fetched from where the bundler or the server put it. */
import { findPin, missingAsset, verifyAsset } from './asset.ts'
import type { AssetName } from './pins.ts'

/** Written out one by one: bundlers (Vite, webpack, Rollup, Parcel) find an asset only in exactly this form. */
const LOCATIONS: Record<AssetName, () => URL> = {
  quickjs: () => new URL('quickjs-wasi/quickjs.wasm', import.meta.url),
  pyodide: () => new URL('pyodide/pyodide.asm.wasm', import.meta.url),
  'python-stdlib': () => new URL('pyodide/python_stdlib.zip', import.meta.url),
}

/**
 * Fetches a pinned wasm asset.
 * @throws TokaError TOKA_ENGINE_MISSING when it is not served, TOKA_ENGINE_LOAD when it has another hash
 */
export async function readAsset(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const pin = findPin(name)
  let bytes: Uint8Array<ArrayBuffer>
  try {
    const response = await fetch(LOCATIONS[name as AssetName]())
    if (!response.ok) throw new Error(`the server answered ${response.status}`)
    bytes = new Uint8Array(await response.arrayBuffer())
  } catch (cause) {
    throw missingAsset(pin, cause)
  }
  return verifyAsset(pin, bytes)
}
