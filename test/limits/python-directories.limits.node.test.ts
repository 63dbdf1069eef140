/** Open directories of a Python guest: whatever it leaves open, the host keeps a bounded part of their listings. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { createToka, defineTool } from '../../src/index.ts'
import { preparePython } from '../python.ts'

preparePython()

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes of the host's heap that are in use. */
function heap(): number {
  collect()
  return process.memoryUsage().heapUsed
}

const MANY = `import os
from toka import tools
os.mkdir("/tmp/d")
for n in range(9_000):
    open(f"/tmp/d/{n}", "w").close()
tools.note(name="before")
held = []
for _ in range(200):
    directory = os.scandir("/tmp/d")
    next(directory)
    held.append(directory)
tools.note(name="after")
[sum(1 for _ in held[0]) + 1, sum(1 for _ in held[-1]) + 1]`

test('200 directories of 9,000 files each, all being read, cost less than 40 MB; each is still read to its end', async () => {
  const heaps: Record<string, number> = {}
  const note = defineTool({
    name: 'note',
    description: 'Measures the heap',
    input: z.object({ name: z.string() }),
    run: ({ name }) => void (heaps[name] = heap()),
  })
  const toka = await createToka({ isolation: 'inline' })
  try {
    const grants = [{ resource: 'tool' as const, actions: ['call' as const], names: ['note'] }]
    const result = await toka.run({ language: 'python', source: MANY, tools: [note], grants })
    expect(result).toMatchObject({ status: 'completed', value: [9_000, 9_000] })
    expect((heaps['after'] ?? Infinity) - (heaps['before'] ?? 0)).toBeLessThan(40 * 2 ** 20)
  } finally {
    await toka.dispose()
  }
})
