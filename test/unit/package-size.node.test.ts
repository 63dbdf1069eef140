/** What the package costs: in bytes on disk with all that it depends on, and in bytes over the network for a page. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { root } from '../module-graph.ts'
import { closure } from '../runtimes/notice.ts'

const KiB = 1024
const MiB = 1024 * KiB

const { dependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  dependencies: Record<string, string>
}

/** Bytes of all files under a directory. */
function bytesUnder(path: string): number {
  const stat = lstatSync(path)
  if (!stat.isDirectory()) return stat.size
  return readdirSync(path).reduce((sum, name) => sum + bytesUnder(join(path, name)), 0)
}

/**
 * Gzipped bytes of what a page loads to call `createToka`, before an engine is loaded.
 * @param external packages that are not counted
 * @param also modules of ours that are loaded later, and counted too
 */
async function browserCore(external: readonly string[], also: readonly string[] = []): Promise<number> {
  const { outputFiles, metafile } = await build({
    entryPoints: [`${root}dist/src/index.js`, ...also.map((path) => `${root}dist/src/${path}.js`)],
    bundle: true,
    splitting: true,
    minify: true,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    outdir: join(root, 'dist/unused'),
    external: [...external],
    logLevel: 'silent',
  })
  const first = ['index', ...also].map((name) =>
    Object.keys(metafile.outputs).find((path) => path.endsWith(`/${name}.js`)),
  )
  const loaded = new Set(first.map((path) => path ?? ''))
  for (const path of loaded) {
    for (const { path: next, kind } of metafile.outputs[path]?.imports ?? []) {
      if (kind === 'import-statement' && metafile.outputs[next]) loaded.add(next)
    }
  }
  const files = outputFiles.filter(({ path }) => [...loaded].some((one) => path.endsWith(one.replace(/^.*\//, '/'))))
  expect(files.length).toBe(loaded.size)
  return files.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0)
}

test('the package and all that it depends on take at most 30 MB', () => {
  const installed = closure(Object.keys(dependencies)).map((name) => bytesUnder(join(root, 'node_modules', name)))
  expect(installed.length).toBeGreaterThanOrEqual(Object.keys(dependencies).length)
  const own = bytesUnder(join(root, 'dist'))
  expect(installed.reduce((sum, size) => sum + size, own)).toBeLessThanOrEqual(30 * MiB)
})

test('the core that a page loads takes at most 60 KB gzipped, half of it for its schemas', async () => {
  const own = await browserCore(['zod'])
  expect(own).toBeGreaterThan(10 * KiB)
  expect(own).toBeLessThanOrEqual(32 * KiB)
  expect(await browserCore([])).toBeLessThanOrEqual(60 * KiB)
})

test('a page with a sandbox on its own thread has loaded at most 80 KB, its engine and its schemas aside', async () => {
  expect(await browserCore(['zod'], ['open-inline'])).toBeLessThanOrEqual(80 * KiB)
})
