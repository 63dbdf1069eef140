/** Bundles the prelude into one classic script, and embeds its text. */
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build as bundle, type Plugin } from 'esbuild'
import { EngineOperation } from '../../engines/quickjs/operations.ts'
import { OpenBit, Operation } from '../../src/kernel/operations.ts'
import { BORDER } from '../../src/limits.ts'

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Numbers of the host calls and bounds of the border, as constants that the bundler folds into the code. */
function constants(): string {
  const numbers: Record<string, number> = {
    ...Operation,
    TRANSFER_BYTES: BORDER.transferBytes,
    RANDOM_BYTES: BORDER.randomBytes,
  }
  for (const [name, number] of Object.entries(EngineOperation)) numbers[`Engine${name}`] = number
  for (const [name, bit] of Object.entries(OpenBit)) numbers[`OPEN_${name.toUpperCase()}`] = bit
  const lines = Object.entries(numbers).map(([name, number]) => `export const ${name} = ${number}\n`)
  return `/** Made by build.ts from the kernel's and the engine's tables. */\n${lines.join('')}`
}

/**
 * Replaces the parts of libraries that would carry large tables into every sandbox: the Unicode tables of tr46 and
 * the legacy encodings of @exodus/bytes, which a URL's query has no use for when all text is UTF-8.
 */
const smallUnicode: Plugin = {
  name: 'small-unicode',
  setup(build) {
    build.onResolve({ filter: /^tr46$/ }, () => ({ path: here('web/domain-names.ts') }))
    build.onResolve({ filter: /^@exodus\/bytes\/encoding\.js$/ }, () => ({ path: here('web/query-encoding.ts') }))
    build.onResolve({ filter: /^@exodus\/bytes\/whatwg\.js$/ }, () => ({ path: here('web/query-encoding.ts') }))
  },
}

/**
 * Writes `prelude.generated.ts` (`preludeSource`) and `operations.generated.ts`. The script's completion value is the
 * function that boots a realm: it takes the bridge's natives as an array and keeps them in closures alone.
 */
export async function build(): Promise<void> {
  await writeFile(here('operations.generated.ts'), constants())
  const { outputFiles } = await bundle({
    entryPoints: [here('main.ts')],
    bundle: true,
    minify: true,
    write: false,
    // No wrapper of its own: the engine keeps the source of every function that is not stripped.
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2023',
    charset: 'ascii',
    legalComments: 'none',
    // package.json says that our modules have no side effects; the prelude's have: they fill the global object.
    ignoreAnnotations: true,
    plugins: [smallUnicode],
  })
  const code = outputFiles[0]?.text.trimEnd() ?? ''
  const source = `(function(natives){"use strict";${code}\n})`
  await writeFile(
    here('prelude.generated.ts'),
    `/** The prelude, bundled by build.ts. */\nexport const preludeSource: string = ${JSON.stringify(source)}\n`,
  )
}
