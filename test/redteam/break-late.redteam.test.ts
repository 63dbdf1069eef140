/** Drivers that fail after everybody has gone: the failure is nobody's, least of all the host's. (vitest fails on what is left unhandled.) */
import { expect, test } from 'vitest'
import type { HostFile } from '../../src/kernel/host-port.ts'
import { lateCodeOf, MemoryFiles, openWorld, READ } from '../gate-world.ts'

test.each([
  [
    'throws',
    () => {
      throw new Error('close')
    },
  ],
  ['rejects', () => Promise.reject(new Error('close'))],
])('a file that opens when its sandbox is gone and whose close %s leaves nothing unhandled', async (_name, close) => {
  const files = new MemoryFiles({ a: 'x' })
  const opening = Promise.withResolvers<HostFile>()
  const late = Object.assign(Object.create(files) as MemoryFiles, { open: () => opening.promise })
  const { gate } = openWorld({
    grants: [{ resource: 'fs', actions: ['read'], paths: ['/data/**'] }],
    drivers: { mounts: [{ at: '/data', mode: 'rw', driver: late }] },
  })
  const opened = lateCodeOf(() => gate.port.files.open(0, 'a', READ))
  gate.dispose()
  expect(await opened).toBe('ECANCELED')
  opening.resolve({ ...(files.open('a', READ) as HostFile), close })
  await new Promise((resolve) => setTimeout(resolve, 5))
})
