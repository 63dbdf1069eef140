/** Compiles the capability VM with the constants of capabilities/isa.ts, and embeds it. */
import { writeFile } from 'node:fs/promises'
import { isaSource, Layout } from '../../capabilities/isa.ts'
import { compileGuest } from '../compile.ts'

const PAGE = 65_536

/** Writes `isa.generated.ts` and `cvm.generated.ts`. */
export async function build(): Promise<void> {
  await writeFile(new URL('isa.generated.ts', import.meta.url), isaSource())
  // The program comes behind the tables; the gate grows the memory for it.
  await compileGuest(new URL('cvm.ts', import.meta.url), 'cvm', ['--initialMemory', `${Layout.PROGRAM / PAGE}`])
}
