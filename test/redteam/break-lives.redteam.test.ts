/** Sandboxes that are made while everything is being closed: nobody is left alive. */
import { describe, expect, test } from 'vitest'
import { createToka } from '../../src/index.ts'

describe('disposing a Toka', () => {
  test('while a sandbox is being opened or forked leaves none that runs', async () => {
    for (let round = 0; round < 8; round++) {
      const toka = await createToka()
      const first = await toka.open({ language: 'javascript' })
      const forks = Promise.allSettled([first.fork(), first.fork(), toka.open({ language: 'javascript' })])
      for (let step = 0; step < round; step++) await undefined
      await toka.dispose()
      for (const ending of await forks) {
        if (ending.status === 'rejected') expect(ending.reason).toMatchObject({ code: 'TOKA_SANDBOX_CLOSED' })
        else await expect(ending.value.run({ source: '1' })).rejects.toMatchObject({ code: 'TOKA_SANDBOX_CLOSED' })
      }
    }
  })
})
