/** Guests that would make the host keep what they do not take. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { defineTool } from '../../src/index.ts'
import { run } from '../run.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

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

describe('files to collect', () => {
  const linked = (links: number): string =>
    `const fs = require('fs'); fs.writeFileSync('/out/0', new Uint8Array(2 ** 20)); for (let i = 1; i < ${links}; i++) fs.linkSync('/out/0', '/out/' + i); 1`
  const request = { collect: ['/out/**'], limits: { fileBytes: 4 * 2 ** 20 } }

  test('with many names are no more than the files of a sandbox may be', async () => {
    const most = await run(linked(4), request)
    expect([most.status, Object.keys(most.files).length]).toEqual(['completed', 4])
    const result = await run(linked(5_000), request)
    expect(result).toMatchObject({ status: 'failed', exitCode: 1, files: {}, error: { code: 'TOKA_LIMIT_FILES' } })
  })
})

describe('a guest that waits again and again', () => {
  test.each([
    ['for timers', 'for (let i = 0; i < 100; i++) await new Promise((r) => setTimeout(r, 0)); 1'],
    ['for awaited tools', 'for (let i = 0; i < 100; i++) await tools.later({}); 1'],
    ['for blocking tools', 'for (let i = 0; i < 100; i++) try { tools.later.sync({}) } catch {}; 1'],
  ])('%s: leaves nothing behind for each wait', async (_name, source) => {
    const later = defineTool({
      name: 'later',
      description: 'Answers later',
      input: z.object({}),
      run: () => new Promise((resolve) => setTimeout(resolve)),
    })
    let listening = 0
    const { addEventListener, removeEventListener } = EventTarget.prototype
    vi.spyOn(EventTarget.prototype, 'addEventListener').mockImplementation(function (this: EventTarget, ...args) {
      if (args[0] === 'abort') listening++
      return addEventListener.apply(this, args)
    })
    vi.spyOn(EventTarget.prototype, 'removeEventListener').mockImplementation(function (this: EventTarget, ...args) {
      if (args[0] === 'abort') listening--
      return removeEventListener.apply(this, args)
    })
    const grants = [{ resource: 'tool' as const, actions: ['call' as const], names: ['later'] }]
    expect(await run(source, { tools: [later], grants })).toMatchObject({ value: 1 })
    expect(listening).toBeLessThan(10)
  })
})
