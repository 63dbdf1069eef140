/** Embeds the bundled prelude's text, and the numbers that it needs. */
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { EngineOperation } from '../../engines/quickjs/operations.ts'
import { OpenBit, Operation } from '../../src/kernel/operations.ts'
import { BORDER } from '../../src/limits.ts'
import { bundlePrelude } from './bundle.ts'
import { PART_NAMES } from './part-names.ts'

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Numbers of the host calls and bounds of the border, as constants that the bundler folds into the code. */
function constants(): string {
  const numbers: Record<string, number> = {
    ...Operation,
    TRANSFER_BYTES: BORDER.transferBytes,
    RANDOM_BYTES: BORDER.randomBytes,
    RESULT_BYTES: BORDER.resultBytes,
  }
  for (const [name, number] of Object.entries(EngineOperation)) numbers[`Engine${name}`] = number
  for (const [name, bit] of Object.entries(OpenBit)) numbers[`OPEN_${name.toUpperCase()}`] = bit
  const lines = Object.entries(numbers).map(([name, number]) => `export const ${name} = ${number}\n`)
  return `/** Made by build.ts from the kernel's and the engine's tables. */\n${lines.join('')}`
}

/**
 * Writes `prelude.generated.ts` (`preludeCore`, `preludeParts`), `prelude-facts.generated.ts` (what is known of it without its text), `shared.generated.ts` and `operations.generated.ts`. The core's value is the
 * function that boots a realm: it takes the bridge's natives as an array and keeps them in closures alone. A part's is
 * a function that takes what the core shares and answers the part's exports.
 */
export async function build(): Promise<void> {
  await writeFile(here('operations.generated.ts'), constants())
  const { core, parts, shared } = await bundlePrelude(PART_NAMES)
  await writeFile(here('shared.generated.ts'), shared)
  const list = parts.map((source) => `  ${JSON.stringify(source)},\n`).join('')
  await writeFile(
    here('prelude.generated.ts'),
    `/** The prelude, bundled by build.ts: its core, and its parts in the order of part-names.ts. */
export const preludeCore: string = ${JSON.stringify(core)}
export const preludeParts: readonly string[] = [
${list}]
`,
  )
  const hash = createHash('sha256')
  for (const source of [core, ...parts]) hash.update(`${source.length}\n${source}`)
  await writeFile(
    here('prelude-facts.generated.ts'),
    `/** Of the prelude, without its text: the SHA-256 of its core and parts, and how many parts there are. */
export const preludeHash = '${hash.digest('hex')}'
export const preludePartCount = ${parts.length}
`,
  )
}
