/** Assembles the components of this folder: `node test/components/assemble.ts WASM_TOOLS`, with the path of wasm-tools. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { wasiText } from './wasi-text.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const tool = process.argv[2] ?? 'wasm-tools'
const folder = mkdtempSync(join(tmpdir(), 'toka-assemble-'))
const made = join(folder, 'wasi.wat')
writeFileSync(made, wasiText())
const texts = readdirSync(here)
  .filter((name) => name.endsWith('.wat'))
  .map((name) => [name.replace('.wat', ''), join(here, name)] as const)
const entries = [...texts, ['wasi', made] as const].map(([name, path]) => {
  const wasm = execFileSync(tool, ['parse', path])
  return `  ${name}: '${wasm.toString('base64')}',`
})
writeFileSync(
  join(here, 'assembled.ts'),
  `/** The components of this folder, assembled by assemble.ts from the text beside it (wasm-tools 1.262), as base64. */\nexport const ASSEMBLED = {\n${entries.join('\n')}\n} as const\n`,
)
rmSync(folder, { recursive: true })
