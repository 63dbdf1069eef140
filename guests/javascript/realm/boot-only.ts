/** Names that bundled libraries look for while they load, and that a guest must not find: QuickJS has no Atomics. */
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
}
