/** A snapshot that another process made: it goes on here, under its key alone. */
import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createToka, type Toka } from '../../src/index.ts'
import { root } from '../module-graph.ts'

const KEY = new Uint8Array(32).fill(3)

/** What another process of this runtime makes. */
function snapshotElsewhere(key: string): Uint8Array {
  const program = `
    import { createToka } from './src/index.ts'
    const toka = await createToka({ isolation: 'inline', ${key} })
    const sandbox = await toka.open({ language: 'javascript', files: { '/f': 'from elsewhere' } })
    await sandbox.run({ source: 'globalThis.greeting = () => require("fs").readFileSync("/f", "utf8")' })
    process.stdout.write(Buffer.from(await sandbox.snapshot()).toString('base64'))
    await toka.dispose()`
  const flags = ['--conditions=toka-source', '--disable-warning=ExperimentalWarning', '--input-type=module']
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, '--eval', program], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    timeout: 30_000,
  })
  if (status !== 0) throw new Error(stderr)
  return new Uint8Array(Buffer.from(stdout, 'base64'))
}

let toka: Toka
beforeAll(async () => {
  toka = await createToka({ isolation: 'inline', snapshotKey: KEY })
})
afterAll(() => toka.dispose())

test('a snapshot of another process with the same key goes on here', async () => {
  const sandbox = await toka.restore(snapshotElsewhere('snapshotKey: new Uint8Array(32).fill(3)'))
  expect((await sandbox.run({ source: 'greeting()' })).value).toBe('from elsewhere')
})

test('a snapshot that another process made without a key is refused', async () => {
  const bytes = snapshotElsewhere('')
  await expect(toka.restore(bytes)).rejects.toMatchObject({ code: 'TOKA_SNAPSHOT_KEY' })
  const keyless = await createToka({ isolation: 'inline' })
  await expect(keyless.restore(bytes)).rejects.toMatchObject({ code: 'TOKA_SNAPSHOT_KEY' })
  await keyless.dispose()
})
