/** Compiles the ledger twice, over shared and over private memory, and embeds both. */
import { writeFile } from 'node:fs/promises'
import { LEDGER_PAGES } from '../../capabilities/isa.ts'
import { compileGuest } from '../compile.ts'

const source = new URL('ledger.ts', import.meta.url)

async function compile(name: string, atomic: boolean, flags: readonly string[]): Promise<void> {
  const constants = `// How the ledger is compiled, generated.\nexport const ATOMIC = ${atomic}\n`
  await writeFile(new URL('memory.generated.ts', import.meta.url), constants)
  const memory = [
    '--importMemory',
    '--noExportMemory',
    '--initialMemory',
    `${LEDGER_PAGES}`,
    '--maximumMemory',
    `${LEDGER_PAGES}`,
  ]
  await compileGuest(source, name, [...memory, ...flags])
}

/** Writes `shared.generated.ts` and `ledger.generated.ts`. */
export async function build(): Promise<void> {
  await compile('shared', true, ['--sharedMemory', '--enable', 'threads'])
  await compile('ledger', false, [])
}
