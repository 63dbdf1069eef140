/** The engine interface, proven by an engine that is not ours: docs/writing-an-engine.md walks through it. */
import { expect, test } from 'vitest'
import { forkOn, makeBench, runOn, testIo } from '../engine-bench.ts'
import { shout } from './example-engine.ts'

test('an engine of a hundred lines runs, is counted, stopped, reset and forked', async () => {
  const image = await shout.prepare(testIo)
  const bench = makeBench(image)
  const instance = await forkOn(shout, image, bench)
  expect(await runOn(instance, bench, 'hello, world')).toEqual({ exitCode: 0, lost: false })
  expect(bench.kernel.process.stdout.text()).toBe('HELLO, WORLD')
  const { counted, local, allowed, denied } = bench.gate.counters()
  expect({ counted, sum: local + allowed + denied }).toEqual({ counted: 1, sum: 1 })

  const twin = await shout.fork(instance.snapshot(), bench.context)
  expect(await runOn(instance, bench, '', '/t', 20)).toMatchObject({ stopped: 'time', lost: true })
  expect(instance.reset()).toBe(true)
  expect(await runOn(instance, bench, 'again')).toEqual({ exitCode: 0, lost: false })
  expect(await runOn(twin, bench, 'twin')).toEqual({ exitCode: 0, lost: false })
  expect(bench.kernel.process.stdout.text()).toBe('TWIN')
  bench.dispose()
})
