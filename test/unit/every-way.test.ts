/** What holds for a sandbox and its forks wherever they run: on the thread of their owner, or in a worker. */
import { expect, test } from 'vitest'
import { tokaOf, WAYS } from '../isolations.ts'

const READ = 'require("fs").readFileSync("/m/a", "utf8")'
const write = (text: string) => `require("fs").writeFileSync("/m/a", ${JSON.stringify(text)})`

test.each(WAYS)("%s: files given by value are the fork's own, as they were at the fork", async (way) => {
  const toka = await tokaOf(way)
  const sandbox = await toka.open({
    language: 'javascript',
    mounts: [{ at: '/m', from: { files: { '/a': 'given' } }, mode: 'rw' }],
    grants: [{ resource: 'fs', actions: ['read', 'write'], paths: ['/m/**'] }],
  })
  await sandbox.run({ source: write('before') })
  const twin = await sandbox.fork()
  await sandbox.run({ source: write('first') })
  expect((await twin.run({ source: READ })).value).toBe('before')
  await twin.run({ source: write('second') })
  const grandchild = await twin.fork()
  expect((await sandbox.run({ source: READ })).value).toBe('first')
  expect((await grandchild.run({ source: READ })).value).toBe('second')
  for (const one of [sandbox, twin, grandchild]) await one.dispose()
})

test.each(WAYS)('%s: a file larger than the host has room for is refused as a full disk is', async (way) => {
  const source = `const fs = require('fs'); fs.writeFileSync('/tmp/x', 'a'); fs.truncateSync('/tmp/x', 2 ** 45)`
  const toka = await tokaOf(way)
  const result = await toka.run({ language: 'javascript', source, limits: { fileBytes: 2 ** 46 } })
  expect(result.error).toMatchObject({ code: 'TOKA_GUEST_ERROR' })
  expect(result.error?.message).toContain('ENOSPC')
})

test.each(WAYS)('%s: a run has no wider limits than its sandbox', async (way) => {
  const sandbox = await (await tokaOf(way)).open({ language: 'javascript', limits: { timeoutMs: 50 } })
  const wider = sandbox.run({ source: '1', limits: { timeoutMs: 500 } })
  await expect(wider).rejects.toMatchObject({
    code: 'TOKA_REQUEST_INVALID',
    message: expect.stringContaining('limits.timeoutMs'),
  })
  expect(await sandbox.run({ source: '1', limits: { timeoutMs: 50 } })).toMatchObject({ status: 'completed', value: 1 })
  await sandbox.dispose()
})
