/** Compiles the bridge to a small wasm module that imports the guest's memory, and embeds it. */
import { compileGuest } from '../compile.ts'

/** Writes `bridge.generated.ts`. */
export async function build(): Promise<void> {
  await compileGuest(new URL('bridge.ts', import.meta.url), 'bridge', ['--importMemory', '--noExportMemory'])
}
