/** Names that bundled libraries look for or leave while they load, and that a guest must not find: QuickJS has no Atomics. */
import { TextDecoder, TextEncoder } from '../web/text-coding.ts'

const realm = globalThis as unknown as Record<string, unknown>
const hadAtomics = Object.hasOwn(realm, 'Atomics')

// node-inspect-extracted copies the members of every namespace object; it calls none of Atomics.
if (!hadAtomics) realm.Atomics = {}
// whatwg-url makes its encoder and decoder while it loads.
realm.TextEncoder = TextEncoder
realm.TextDecoder = TextDecoder

/** Once everything is loaded. */
export function leaveBoot(): void {
  if (!hadAtomics) delete realm.Atomics
  // core-js has taken its table of shared things: what a guest puts there would be taken for its own.
  delete realm['__core-js_shared__']
}
