/** Compiles the ledger twice, over shared and over private memory, and embeds both. */
import { writeFile } from 'node:fs/promises'
import { compileGuest } from '../compile.ts'

/** 64 KiB pages of the ledger's memory: 16 pages are 131,072 cells, some 20,000 accounts with quotas. */
const PAGES = 16

const source = new URL('ledger.ts', import.meta.url)

async function compile(name: string, atomic: boolean, flags: readonly string[]): Promise<void> {
  const constants = `// How the ledger is compiled, generated.\nexport const ATOMIC = ${atomic}\n`
  await writeFile(new URL('memory.generated.ts', import.meta.url), constants)
  const memory = ['--importMemory', '--noExportMemory', '--initialMemory', `${PAGES}`, '--maximumMemory', `${PAGES}`]
  await compileGuest(source, name, [...memory, ...flags])
}

/** Writes `shared.generated.ts` and `ledger.generated.ts`. */
export async function build(): Promise<void> {
  await compile('shared', true, ['--sharedMemory', '--enable', 'threads'])
  await compile('ledger', false, [])
}
