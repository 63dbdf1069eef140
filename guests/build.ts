/** Builds the programs that run inside sandboxes: each guest's own `build.ts`, whose output is a generated module beside it. */
import { existsSync } from 'node:fs'

const guests = ['eraser', 'cvm', 'ledger', 'bridge', 'javascript', 'python-bridge', 'python', 'shell']

/**
 * Runs the `build()` of every guest that has one, one after the other.
 *
 * @throws the first error of a guest's build, which names the guest
 */
export async function buildGuests(): Promise<void> {
  for (const guest of guests) {
    const script = new URL(`./${guest}/build.ts`, import.meta.url)
    if (!existsSync(script)) continue
    const { build } = (await import(script.href)) as { build: () => Promise<void> }
    try {
      await build()
    } catch (error) {
      throw new Error(`the guest "${guest}" does not build`, { cause: error })
    }
  }
}
