/** A token's quota is leased in parts: what is read or written in pieces gets all of it, on either thread, and what is not used goes back. */
import { expect, test } from 'vitest'
import { createToka } from '../../src/index.ts'
import { openSecurity } from '../security-world.ts'

const BYTES = 1_000_000
const PIECE = 10_000

test.each([
  ['inline', 'read'],
  ['inline', 'write'],
  ['worker', 'read'],
  ['worker', 'write'],
] as const)('%s: a file that is %s in pieces has the whole quota of bytes', async (isolation, action) => {
  const { security } = await openSecurity({ clock: { now: () => Date.now() } })
  const toka = await createToka({ cache: false, isolation, security })
  const { token } = await security.mint({
    grants: [{ resource: 'fs', actions: [action], paths: ['/d/**'], quota: { bytes: BYTES } }],
  })
  const steps = {
    read: `fs.readSync(file, new Uint8Array(${PIECE}))`,
    write: `fs.writeSync(file, new Uint8Array(${PIECE}))`,
  }
  const result = await toka.run({
    language: 'javascript',
    token,
    mounts: [{ at: '/d', from: { files: { file: 'x'.repeat(2 * BYTES) } }, mode: 'rw' }],
    source: `const fs = require('fs'); const file = fs.openSync('/d/file', '${action === 'read' ? 'r' : 'a'}'); let moved = 0
      try { for (;;) moved += ${steps[action]} } catch (error) { if (error.code !== 'EACCES') throw error }
      moved`,
  })
  expect(result.error).toBeUndefined()
  expect(result.value).toBe(BYTES)
  expect(result.denials.map(({ reason }) => reason)).toEqual(['quota'])
  await toka.dispose()
})

test('a call that needs more bytes than two leases get has them, and no more than there is', async () => {
  const { security } = await openSecurity({ clock: { now: () => Date.now() } })
  const { token } = await security.mint({
    grants: [{ resource: 'tool', actions: ['call'], names: ['t'], quota: { bytes: 100, calls: 64 } }],
  })
  const ask = (bytes: number) => security.authorize({ token, operation: 'tool.call', resource: 't', bytes })
  expect(await ask(95)).toMatchObject({ allowed: true })
  expect(await ask(6)).toMatchObject({ denial: { reason: 'quota' } })
  expect(await ask(5)).toMatchObject({ allowed: true })
  expect(await ask(1)).toMatchObject({ denial: { reason: 'quota' } })
})
