/** The sources go in, dist/ comes out: guest programs first, then JavaScript and declarations of everything that ships, then the bundle that Node loads. */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildGuests } from '../../guests/build.ts'
import { bundleForNode } from './bundle.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const dist = join(root, 'dist')
// A build that fails or is stopped leaves the last good dist/ in place.
const fresh = join(root, `dist.${process.pid}.tmp`)

await buildGuests()
try {
  compile(process.argv.includes('--unchecked'))
  rewriteWorkerUrls()
  await bundleForNode(root, fresh)
  rmSync(dist, { recursive: true, force: true })
  renameSync(fresh, dist)
} finally {
  rmSync(fresh, { recursive: true, force: true })
}

/** @param unchecked leaves type errors to `npm run check`, so that a set-up never fails on one */
function compile(unchecked: boolean): void {
  const compiler = fileURLToPath(import.meta.resolve('typescript/package.json')).replace(/package\.json$/, 'bin/tsc')
  const args = ['-p', 'tsconfig.build.json', '--outDir', fresh, ...(unchecked ? ['--noCheck'] : ['--noEmitOnError'])]
  const { status } = spawnSync(process.execPath, [compiler, ...args], { cwd: root, stdio: 'inherit' })
  if (status !== 0) throw new Error('the compiler reported errors: see above')
}

/** The compiler rewrites the endings of imports, but not of `new URL('./worker.ts', import.meta.url)`. */
function rewriteWorkerUrls(): void {
  for (const file of globSync('**/*.js', { cwd: fresh }).map((name) => join(fresh, name))) {
    const code = readFileSync(file, 'utf8')
    const rewritten = code.replace(/new URL\((['"])(\.[^'"]+)\.ts\1, import\.meta\.url\)/g, (_, quote, path) => {
      if (!existsSync(resolve(dirname(file), `${path}.js`)))
        throw new Error(`${file} names ${path}.ts, which was not built`)
      return `new URL(${quote}${path}.js${quote}, import.meta.url)`
    })
    if (rewritten !== code) writeFileSync(file, rewritten)
  }
}
