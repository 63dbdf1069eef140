/** The name of a wasm asset in, its verified bytes out: read from the installed package. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { findPin, missingAsset, verifyAsset } from './asset.ts'

/** Resolves as this package's own dependencies do; `import.meta.resolve` is not there under bundlers and test runners. */
const require = createRequire(import.meta.url)

/**
 * Reads a pinned wasm asset.
 * @throws TokaError TOKA_ENGINE_MISSING when its package is not installed, TOKA_ENGINE_LOAD when it has another hash
 */
export async function readAsset(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const pin = findPin(name)
  let bytes: Uint8Array<ArrayBuffer>
  try {
    bytes = new Uint8Array(await readFile(require.resolve(`${pin.package}/${pin.path}`)))
  } catch (cause) {
    throw missingAsset(pin, cause)
  }
  return verifyAsset(pin, bytes)
}
