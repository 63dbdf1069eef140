/** Compiles the eraser over an imported memory. */
import { compileGuest } from '../compile.ts'

/** Writes `eraser.generated.ts`. */
export async function build(): Promise<void> {
  await compileGuest(new URL('eraser.ts', import.meta.url), 'eraser', [
    '--importMemory',
    '--noExportMemory',
    '--enable',
    'simd',
  ])
}
