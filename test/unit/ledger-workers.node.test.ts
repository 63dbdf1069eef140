/** The ledger under contention: threads that charge the same cells never spend more than there is. */
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { sharedWasm } from '../../guests/ledger/shared.generated.ts'
import { createLedger } from '../../src/gate/ledger.ts'

/** Plain JavaScript, so that a worker runs it as it is: instantiates the same wasm over the same memory. */
const WORKER = `
const { parentPort, workerData } = require('node:worker_threads')
const { wasm, memory, job, cells, tries, barrier } = workerData
const { reserve, refund, allocate, free, rateTake, rateUndo } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(wasm, 'base64')), { env: { memory } }).exports
const gate = new Int32Array(barrier)
Atomics.add(gate, 0, 1)
while (Atomics.load(gate, 0) < workerData.workers) {}
let taken = 0
const mine = []
for (let index = 0; index < tries; index++) {
  if (job === 'reserve') taken += reserve(cells[0], 1n)
  if (job === 'both') {
    // All or nothing over two cells, in order, as COMMIT does.
    if (!reserve(cells[0], 1n)) continue
    if (reserve(cells[1], 1n)) taken++
    else refund(cells[0], 1n)
  }
  if (job === 'rate') {
    const old = rateTake(cells[0], 1000n, 10n, 9990n)
    if (old < 0n) continue
    if (index % 3) taken++
    else rateUndo(cells[0], old, (old > 1000n ? old : 1000n) + 10n)
  }
  if (job === 'allocate') {
    const cell = allocate()
    mine.push(cell)
    if (index % 3 === 0) free(mine.shift())
  }
}
parentPort.postMessage({ taken, mine })
`

type Result = { taken: number; mine: number[] }

async function contend(job: string, cells: number[], tries: number, memory: WebAssembly.Memory): Promise<Result[]> {
  const workers = 2
  const barrier = new SharedArrayBuffer(4)
  const start = (): Promise<Result> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(WORKER, {
        eval: true,
        workerData: { wasm: sharedWasm, memory, job, cells, tries, workers, barrier },
      })
      worker.once('message', resolve)
      worker.once('error', reject)
    })
  return Promise.all(Array.from({ length: workers }, start))
}

const total = (results: Result[]): number => results.reduce((sum, { taken }) => sum + taken, 0)

test('two threads together get exactly what a quota holds', async () => {
  const { functions, memory } = createLedger()
  const cell = functions.allocate()
  functions.set(cell, 300_000n)
  expect(total(await contend('reserve', [cell], 200_000, memory))).toBe(300_000)
  expect(functions.left(cell)).toBe(0n)
})

test('charges of two cells are all or nothing: the scarcer one decides, the other keeps the difference', async () => {
  const { functions, memory } = createLedger()
  const cells = [functions.allocate(), functions.allocate()]
  functions.set(cells[0]!, 200_000n)
  functions.set(cells[1]!, 50_000n)
  const taken = total(await contend('both', cells, 100_000, memory))
  // A refusal too many is allowed while the other thread holds what it gives back; one call too many never is.
  expect(taken).toBe(50_000)
  expect(cells.map(functions.left)).toEqual([150_000n, 0n])
})

test('a rate lets no more through than its burst, undone calls included', async () => {
  const { functions, memory } = createLedger()
  const cell = functions.allocate()
  functions.set(cell, 0n)
  const taken = total(await contend('rate', [cell], 50_000, memory))
  expect(taken).toBeLessThanOrEqual(1_000)
  expect(taken).toBeGreaterThan(300)
})

test('threads that allocate and free never hold one cell together', async () => {
  const { memory } = createLedger()
  const results = await contend('allocate', [], 20_000, memory)
  const held = results.flatMap(({ mine }) => mine)
  expect(held).not.toContain(0)
  expect(new Set(held).size).toBe(held.length)
})
