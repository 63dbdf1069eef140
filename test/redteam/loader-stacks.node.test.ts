/** Killed suspended runs give their stacks back: resident memory, which only Node tells, stays flat. */
import { expect, it } from 'vitest'
import { Death, instantiateBorder } from '../../src/loader/border.ts'
import { rewriteModule } from '../../src/loader/rewrite.ts'
import { findSuspension } from '../../src/loader/suspension.ts'
import { buildModule, instantiate } from '../loader-modules.ts'

const MiB = 2 ** 20

it('10,000 runs killed while suspended deep in their stacks leave memory flat', async (context) => {
  const suspension = (await findSuspension()) ?? context.skip('this runtime cannot suspend a guest (JSPI)')
  // dive(n): n ? dive(n - 1) : loop forever
  const code = [0x20, 0, 0x04, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x10, 0, 0x05, 0x03, 0x40, 0x0c, 0, 0x0b, 0x0b]
  const { bytes } = rewriteModule(buildModule({ functions: [{ name: 'dive', params: ['i32'], code }] }), { fuel: true })
  const border = instantiateBorder([], {
    host: {},
    callout: () => 2,
    suspend: async () => {
      border.dead.value = Death.killed
    },
    suspension,
    onFault: () => {},
  })
  const guest = instantiate(bytes) as unknown as {
    dive(depth: number): void
    __fuel: WebAssembly.Global<'i64'>
    __callout: WebAssembly.Table
  }
  guest.__callout.set(0, border.callout)
  const dive = suspension.promising(guest.dive)
  const killMany = async (runs: number) => {
    for (let run = 0; run < runs; run++) {
      border.dead.value = Death.alive
      await dive(1_000).catch(() => {})
      if (border.dead.value !== Death.killed) throw new Error('the guest was not suspended')
    }
  }
  await killMany(1_000)
  const before = process.memoryUsage.rss()
  await killMany(10_000)
  expect(process.memoryUsage.rss() - before).toBeLessThan(64 * MiB)
})
