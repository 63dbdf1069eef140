/** Bytes of a wasm asset in, the same bytes out if they are the pinned ones. */
import { TokaError } from '../errors.ts'
import { sha256, toHex } from './hash.ts'
import { type AssetName, PINS, type Pin } from './pins.ts'

/** @throws TokaError TOKA_REQUEST_INVALID for a name that is not pinned */
export function findPin(name: string): Pin {
  if (!Object.hasOwn(PINS, name)) throw new TokaError('TOKA_REQUEST_INVALID', `there is no wasm asset "${name}"`)
  return PINS[name as AssetName]
}

/** @throws TokaError TOKA_ENGINE_LOAD when the bytes are others than the pinned ones */
export async function verifyAsset(pin: Pin, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const found = toHex(await sha256(bytes))
  if (found === pin.sha256) return bytes
  throw new TokaError(
    'TOKA_ENGINE_LOAD',
    `${pin.path} is not the file of ${pin.package}@${pin.version}: its SHA-256 is ${found}, expected ${pin.sha256}. ` +
      `Install exactly ${pin.package}@${pin.version}, and serve the file unchanged.`,
  )
}

/** The error for an asset that is not where it should be. */
export function missingAsset(pin: Pin, cause: unknown): TokaError {
  return new TokaError(
    'TOKA_ENGINE_MISSING',
    `${pin.package}/${pin.path} cannot be read: install it with \`npm install ${pin.package}@${pin.version}\`, ` +
      'and in a browser let the bundler or the server serve it.',
    { cause },
  )
}
