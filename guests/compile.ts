/** AssemblyScript source in, an embedded wasm module out: the one way our guests are compiled. */
import { readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'

/**
 * Compiles one guest and writes `<name>.generated.ts` beside it, exporting `<name>Wasm` (base64).
 * The stub runtime has no collector and no allocator: our guests use raw loads and stores alone.
 * @param flags more compiler flags, such as `--importMemory`
 * @throws Error with the compiler's messages
 */
export async function compileGuest(source: URL, name: string, flags: readonly string[] = []): Promise<void> {
  const path = fileURLToPath(source)
  const folder = dirname(path)
  let wasm: Uint8Array | undefined
  const { error, stderr } = await asc.main(
    [basename(path), '--outFile', `${name}.wasm`, '--runtime', 'stub', '-O3', '--noAssert', ...flags],
    {
      readFile: (file, base) => readFile(join(base === '.' ? folder : base, file), 'utf8').catch(() => null),
      writeFile: (_file, contents) => {
        if (typeof contents !== 'string') wasm = contents
      },
      listFiles: () => [],
    },
  )
  if (error || !wasm) throw new Error(`${path}: ${error?.message ?? 'no output'}\n${stderr.toString()}`)
  const text = `/** ${basename(path)}, compiled. */\nexport const ${name}Wasm = '${Buffer.from(wasm).toString('base64')}'\n`
  await writeFile(join(folder, `${name}.generated.ts`), text)
}
