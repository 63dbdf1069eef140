/** The rows of workers: what a run and a call of a tool cost when the guest lives on another thread. */
import { z } from 'zod'
import { createToka, defineTool, type Sandbox } from '../src/index.ts'
import { allowSuspension } from '../src/loader/suspension.ts'
import { type Measure, measure } from './measure.ts'

const tool = defineTool({
  name: 'lookup',
  description: '',
  input: z.object({ id: z.string() }),
  run: async () => ({ name: 'x' }),
})
const options = {
  language: 'javascript' as const,
  tools: [tool],
  grants: [{ resource: 'tool' as const, actions: ['call' as const], names: ['lookup'] }],
  isolation: 'worker' as const,
}
const CALLS = 500

async function rowOfCalls(sandbox: Sandbox, name: string, call: string): Promise<Measure> {
  const source = `for (let i = 0; i < ${CALLS}; i++) ${call}`
  const work = async () => {
    const result = await sandbox.run({ source })
    if (result.status !== 'completed') throw new Error(`${result.status}: ${result.error?.message}`)
  }
  return measure(name, 'us', 15, work, CALLS)
}

/** A guest that counts as fast as it can while its deadline comes: how much later its result is here. */
async function overshoot(sandbox: Sandbox): Promise<number> {
  const timeoutMs = 50
  const started = performance.now()
  await sandbox.run({ source: 'for (;;) {}', limits: { timeoutMs } })
  return performance.now() - started - timeoutMs
}

export async function* measures(): AsyncGenerator<Measure> {
  for (const suspends of [true, false]) {
    const toka = await createToka({ workers: 1 })
    const which = suspends ? 'a worker' : 'a worker that cannot suspend'
    allowSuspension(suspends)
    const sandbox = await toka.open(options)
    allowSuspension(true)
    try {
      yield await measure(`1+1 in a sandbox that is open in ${which}`, 'us', 300, () => sandbox.run({ source: '1+1' }))
      yield await measure(`1+1 in a sandbox of its own in ${which}`, 'ms', 60, () =>
        toka.run({ language: 'javascript', source: '1+1', isolation: 'worker' }),
      )
      yield await rowOfCalls(sandbox, `blocking call of a tool from ${which}`, "tools.lookup.sync({ id: '7' })")
      yield await rowOfCalls(sandbox, `awaited call of a tool from ${which}`, "await tools.lookup({ id: '7' })")
      const late: number[] = []
      for (let i = 0; i < 15; i++) late.push(await overshoot(sandbox))
      late.sort((a, b) => a - b)
      const at = (share: number) => late[Math.floor(share * (late.length - 1))] ?? 0
      const [median, lowest, highest] = [at(0.5), at(0.1), at(0.9)]
      yield {
        name: `a loop's end after its deadline in ${which}`,
        unit: 'ms',
        median,
        lowest,
        highest,
        times: late.length,
      }
    } finally {
      await toka.dispose()
    }
  }
}
