/** The sources go in, the few files that Node loads instead of a hundred and sixty come out: finding and reading each takes it about as long as a small run. */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { type BuildOptions, build, type Plugin } from 'esbuild'

/** What a program imports or starts, by the name of its file in the folder of the bundle. */
const ENTRIES = {
  index: 'src/index.ts',
  security: 'src/security/index.ts',
  'security-node': 'src/security/index.node.ts',
  packages: 'src/packages/index.node.ts',
  toka: 'src/cli/toka.ts',
  'entry.node': 'src/worker/entry.node.ts',
}

/** Scripts that share nothing with the others: what they have in common with them is in both. */
const ALONE = { 'serve.node': 'src/typescript/serve.node.ts' }

/**
 * Packages that are loaded as they are installed, because few programs need them. The others are bundled as far as they
 * are used: zod has more languages than we speak.
 */
const INSTALLED = ['jose', 'quickjs-wasi', 'smol-toml', 'sucrase', 'yauzl']

/**
 * Bundles what Node loads of the package. Browsers have bundlers of their own.
 * @param root the repository's folder
 * @param dist the folder of the compiled sources; the bundle goes into its folder `node`
 */
export async function bundleForNode(root: string, dist: string): Promise<void> {
  const folder = join(dist, 'node')
  const options: BuildOptions = {
    absWorkingDir: root,
    outdir: folder,
    chunkNames: 'part-[hash]',
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node22.13',
    conditions: ['toka-source'],
    external: INSTALLED,
    plugins: [preludeBeside(root)],
    // Names stay: they are in the stacks that users send.
    minifyWhitespace: true,
    minifySyntax: true,
    logLevel: 'error',
  }
  await build({ ...options, entryPoints: ENTRIES, splitting: true })
  await build({ ...options, entryPoints: ALONE })
  moveWorkerUrls(folder)
}

/** The prelude's text is a third of all, and only needed where no image is cached: it stays where it was compiled. */
function preludeBeside(root: string): Plugin {
  return {
    name: 'prelude-beside',
    setup({ onResolve }) {
      onResolve({ filter: /\/prelude\.generated\.ts$/ }, ({ path, resolveDir }) => ({
        path: `../${relative(root, join(resolveDir, path)).replaceAll('\\', '/').replace(/ts$/, 'js')}`,
        external: true,
      }))
    },
  }
}

/** `new URL('../worker/entry.node.ts', import.meta.url)` names a source; the bundle has it beside itself. */
function moveWorkerUrls(folder: string): void {
  for (const file of globSync('*.js', { cwd: folder }).map((name) => join(folder, name))) {
    const code = readFileSync(file, 'utf8')
    const moved = code.replace(/new URL\("([^"]+)\.ts",\s*import\.meta\.url\)/g, (_, path: string) => {
      const name = `${basename(path)}.js`
      if (!existsSync(join(folder, name))) throw new Error(`${file} names ${path}.ts, which was not bundled`)
      return `new URL("./${name}",import.meta.url)`
    })
    if (moved !== code) writeFileSync(file, moved)
  }
}
