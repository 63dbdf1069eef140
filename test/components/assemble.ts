/** Assembles the components of this folder: `node test/components/assemble.ts WASM_TOOLS`, with the path of wasm-tools. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { INTERFACES, INTERFACES_3 } from '../../engines/component/host/interfaces.ts'
import { WASI_2 } from './wasi-2-text.ts'
import { WASI_3 } from './wasi-3-text.ts'
import { wasiText } from './wasi-text.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const tool = process.argv[2] ?? 'wasm-tools'
const folder = mkdtempSync(join(tmpdir(), 'toka-assemble-'))
const made = [
  ['wasi', wasiText(INTERFACES, '0.2.0', WASI_2)],
  ['wasi3', wasiText(INTERFACES_3, '0.3.0', WASI_3)],
].map(([name = '', text = '']) => {
  const path = join(folder, `${name}.wat`)
  writeFileSync(path, text)
  return [name, path] as const
})
const texts = readdirSync(here)
  .filter((name) => name.endsWith('.wat'))
  .map((name) => [name.replace('.wat', ''), join(here, name)] as const)
const entries = [...texts, ...made].map(([name, path]) => {
  const wasm = execFileSync(tool, ['parse', path])
  return `  '${name}': '${wasm.toString('base64')}',`
})
writeFileSync(
  join(here, 'assembled.ts'),
  `/** The components of this folder, assembled by assemble.ts from the text beside it (wasm-tools 1.262), as base64. */\nexport const ASSEMBLED = {\n${entries.join('\n')}\n} as const\n`,
)
rmSync(folder, { recursive: true })
