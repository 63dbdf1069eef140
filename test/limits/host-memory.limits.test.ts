/** Guests that would make the host keep what they do not take. */
import { describe, expect, test } from 'vitest'
import { run } from '../run.ts'

const MANY_READS = `
const fs = require('fs')
fs.writeFileSync('/tmp/x', new Uint8Array(2 ** 18))
const file = await fs.promises.open('/tmp/x')
const into = new Uint8Array(2 ** 18)
const reads = []
for (let i = 0; i < 400; i++) reads.push(file.read(into, 0, into.length, 0))
const ends = await Promise.allSettled(reads)
const count = (status) => ends.filter((end) => end.status === status).length
const more = (await file.read(into, 0, into.length, 0)).bytesRead
;[count('fulfilled'), count('rejected'), ends.find((end) => end.status === 'rejected').reason.code, more]`

describe('answers that a guest does not take', () => {
  test('are kept up to its own memory, then no call begins until they are taken', async () => {
    const memoryBytes = 16 * 2 ** 20
    const result = await run(MANY_READS, { limits: { memoryBytes } })
    expect(result.status).toBe('completed')
    const [done, refused, code, more] = result.value as [number, number, string, number]
    expect(done).toBeLessThanOrEqual(memoryBytes / 2 ** 18 + 1)
    expect(done).toBeGreaterThan(50)
    expect(refused).toBe(400 - done)
    expect([code, more]).toEqual(['EAGAIN', 2 ** 18])
  })
})
