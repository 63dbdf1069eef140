/** What a page may ask of Node in a test: a snapshot that was made there, and what is in one that was made in the page. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { BrowserCommand } from 'vitest/node'

const root = fileURLToPath(new URL('../..', import.meta.url))
const flags = ['--conditions=toka-source', '--disable-warning=ExperimentalWarning', '--input-type=module']
const OPEN = `
  import { createToka } from './src/index.ts'
  import { text } from 'node:stream/consumers'
  const toka = await createToka({ isolation: 'inline', cache: false, snapshotKey: new Uint8Array(32).fill(5) })`

/** Runs a program of ours in this very Node; bytes go in and out as base64. */
function run(program: string, input = ''): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, '--eval', `${OPEN}\n${program}`], {
    cwd: root,
    encoding: 'utf8',
    input,
    maxBuffer: 2 ** 26,
    timeout: 30_000,
  })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

export const snapshotInNode: BrowserCommand<[]> = () =>
  run(`
    const sandbox = await toka.open({ language: 'javascript', files: { '/f': 'of Node' } })
    await sandbox.run({ source: 'globalThis.seen = ["node"]' })
    process.stdout.write(Buffer.from(await sandbox.snapshot()).toString('base64'))
    await toka.dispose()`)

export const seenInNode: BrowserCommand<[snapshot: string]> = (_context, snapshot) =>
  run(
    `
    const sandbox = await toka.restore(new Uint8Array(Buffer.from(await text(process.stdin), 'base64')))
    const { value } = await sandbox.run({ source: '[...seen, require("fs").readFileSync("/f", "utf8")].join()' })
    process.stdout.write(value)
    await toka.dispose()`,
    snapshot,
  )
