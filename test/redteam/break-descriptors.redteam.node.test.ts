/** Host descriptors: every one that a sandbox took is given back, however it ends. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { skipReasons } from '../skip-reasons.ts'
import { toka } from '../run.ts'

const root = mkdtempSync(join(tmpdir(), 'toka-break-'))
writeFileSync(join(root, 'a.txt'), 'a')
afterAll(() => rmSync(root, { recursive: true }))

const mounts = [{ at: '/data', from: root, mode: 'ro' as const }]
const grants = [{ resource: 'fs', actions: ['read'], paths: ['/data/**'] }]
const open = (): number => readdirSync('/proc/self/fd').filter((name) => existsSync(`/proc/self/fd/${name}`)).length

test('mounts are closed with runs, forks and sandboxes that could not be made', async (context) => {
  context.skip(!existsSync('/proc/self/fd'), skipReasons.noPlatformFeature)
  const box = { language: 'javascript' as const, mounts, grants: grants as never }
  const instance = await toka()
  const source = 'const fs = require("fs"); for (let i = 0; i < 9; i++) fs.openSync("/data/a.txt"); 1'
  await instance.run({ ...box, source })
  const before = open()
  for (let i = 0; i < 10; i++) {
    expect(await instance.run({ ...box, source })).toMatchObject({ value: 1 })
    await instance.run({ ...box, source: `${source}; for (;;) {}`, limits: { fuel: 1_000 } })
    const sandbox = await instance.open(box)
    const twin = await sandbox.fork()
    await sandbox.run({ source })
    await twin.run({ source })
    await sandbox.dispose()
    await twin.dispose()
    await expect(instance.open({ ...box, files: { '/data': 'no directory' } })).rejects.toThrow()
    await expect(instance.open({ ...box, grants: [{ resource: 'nothing' }] as never })).rejects.toThrow()
  }
  expect(open()).toBeLessThanOrEqual(before)
})
