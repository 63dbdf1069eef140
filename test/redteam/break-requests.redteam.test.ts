/** Requests that a careless or hostile caller makes: each is served or refused by name, nothing else happens. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { RunRequest } from '../../src/index.ts'
import { inEveryWay, run, toka } from '../run.ts'

inEveryWay(() => {
  describe('limits', () => {
    test('that are present and undefined change nothing', async () => {
      for (const name of ['timeoutMs', 'fuel', 'memoryBytes', 'outputBytes', 'hostCalls', 'fileBytes'] as const) {
        const result = await run('console.log(1); 1', { limits: { [name]: undefined } })
        expect(result).toMatchObject({ status: 'completed', stdout: '1\n', value: 1 })
      }
    })

    test('of a fraction of fuel stop a guest like whole ones', async () => {
      for (const fuel of [0.5, 1.5, 1_000.25])
        expect(await run('for (;;) {}', { limits: { fuel } })).toMatchObject({ error: { code: 'TOKA_LIMIT_FUEL' } })
    })

    test('of more memory than there is are no less than the most', async () => {
      for (const memoryBytes of [Math.ceil(2 ** 32 / 0.875) + 2 ** 22, Number.MAX_SAFE_INTEGER])
        expect(await run('"x".repeat(2 ** 23).length', { limits: { memoryBytes } })).toMatchObject({ value: 2 ** 23 })
    })
  })

  describe('what a caller hands over', () => {
    test('a stream that somebody else reads is refused by name', async () => {
      const stdin = new ReadableStream<Uint8Array>()
      stdin.getReader()
      await expect(run('1', { stdin })).rejects.toMatchObject({
        code: 'TOKA_REQUEST_INVALID',
        message: expect.stringContaining('stdin'),
      })
    })

    test.each<[string, Partial<RunRequest>]>([
      ['args', { args: ['\ud800'] }],
      ['args', { args: Array.from({ length: 100_000 }, () => 'x') }],
      ['args', { args: ['x'.repeat(2 ** 21)] }],
      ['env', { env: { A: '\ud800' } }],
      ['env', { env: { '\ud800': 'a' } }],
      ['env', { env: { A: 'x'.repeat(2 ** 21) } }],
      ['source', { source: '"\ud800"' }],
      ['deterministic.start', { deterministic: { seed: '', start: '1969-12-31T00:00:00Z' } }],
      ['deterministic.start', { deterministic: { seed: '', start: '2600-01-01T00:00:00Z' } }],
    ])('%s that no guest can be given are refused by name, not a fault later', async (field, request) => {
      const refused = run('process.argv.length + Object.keys(process.env).length', request)
      await expect(refused).rejects.toMatchObject({
        code: 'TOKA_REQUEST_INVALID',
        message: expect.stringContaining(field),
      })
    })

    test('as much as a guest can be given is given', async () => {
      const many = Array.from({ length: 16_000 }, (_, index) => `a${index}`)
      const env = Object.fromEntries(many.slice(0, 8_000).map((name) => [name, 'b'.repeat(100)]))
      const source = '[process.argv.length > 16_000, Object.keys(process.env).length, process.env.a7999.length]'
      expect(await run(source, { args: many, env })).toMatchObject({ value: [true, 8_000, 100] })
    })

    test('a schema that throws at the end of a guest that exited throws once: the next run is unharmed', async () => {
      const sandbox = await (await toka()).open({ language: 'javascript' })
      const output = z.unknown().transform(() => {
        throw new Error('mine')
      })
      await expect(sandbox.run({ source: 'process.exit(0)', output })).rejects.toThrow('mine')
      expect(await sandbox.run({ source: '1 + 1' })).toMatchObject({ status: 'completed', value: 2 })
      await sandbox.dispose()
    })
  })
})
