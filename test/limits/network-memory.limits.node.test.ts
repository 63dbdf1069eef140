/** A body that is sent to a server that reads slowly costs the host what is on its way, and not what its guest has still to send. */
import { setTimeout as rest } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { tokaOf, WAYS } from '../isolations.ts'
import { grant, handlers, lookup, port } from '../network-world.node.ts'

const MB = 2 ** 20
const TOTAL = 200 * MB
/** What a guest that is not held back sends meanwhile is several times `MOST`. */
const STALL_MS = 2_000
/** Sockets' buffers of both sides, pieces under way, and what collections leave: at most 1.4 MiB were seen, and 196 without backpressure. */
const MOST = 16 * MB

// What is garbage already is not held, however late it is collected.
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes that this process holds, in its heap and behind it: on the server's side, which keeps nothing, too. */
async function held(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    collect()
    await rest(20)
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const sending = (mebibytes: number): string => `const piece = new Uint8Array(${MB / 4})
  async function* pieces() { for (let n = 0; n < ${4 * mebibytes}; n++) yield piece }
  export default await (await fetch('http://a.test:${port}/slow', { method: 'POST', body: pieces(), duplex: 'half' })).text()`

test.each(WAYS)(
  '%s: 200 MiB leave the memory of the host flat',
  async (way) => {
    const samples: number[] = []
    let stalls: number[] = []
    handlers['/slow'] = (request, response) => {
      let bytes = 0
      request.on('data', (piece: Buffer) => {
        bytes += piece.length
        if (bytes < (stalls[0] ?? Infinity)) return
        stalls.shift()
        request.pause()
        void rest(STALL_MS)
          .then(held)
          .then((size) => samples.push(size))
          .then(() => request.resume())
      })
      request.on('end', () => void response.end(String(bytes)))
    }
    const toka = await tokaOf(way)
    const run = (mebibytes: number) =>
      toka.run({
        language: 'javascript',
        file: '/t.mjs',
        source: sending(mebibytes),
        grants: [grant({ methods: ['POST'] })],
        network: { lookup, requestBytes: 2 * TOTAL },
        limits: { timeoutMs: 110_000 },
      })
    // The first run loads what runs are made with.
    expect((await run(1)).error).toBeUndefined()
    const before = await held()
    stalls = [1, 50 * MB, 150 * MB]
    const result = await run(TOTAL / MB)
    expect(result.error).toBeUndefined()
    expect(result.value).toBe(String(TOTAL))
    expect(result.usage.bytesWritten).toBe(TOTAL)
    expect(samples.length).toBe(3)
    expect(Math.max(...samples) - before).toBeLessThan(MOST)
  },
  120_000,
)
