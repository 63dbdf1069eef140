/** Requests that their guest gives up: what they lead to ends with them, and what cannot be ended stays bounded. */
import { afterEach, describe, expect, test } from 'vitest'
import type { RunRequest, RunResult } from '../../src/index.ts'
import { NETWORK } from '../../src/limits.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { tokaOf, WAYS, type Way } from '../isolations.ts'
import { grant, handlers, lookup, port } from '../network-world.node.ts'
import { skipReasons } from '../skip-reasons.ts'

/** Connections that `/silent` has and never answers. */
let silent = 0
const lead = (): void => {
  handlers['/leads'] = (request, response) => {
    request.resume()
    request.on('end', () => void response.writeHead(303, { location: '/silent' }).end())
  }
  handlers['/silent'] = (_request, response) => {
    silent++
    response.on('close', () => silent--)
  }
}
afterEach(() => expect.poll(() => silent).toBe(0))

async function run(way: Way, request: Partial<RunRequest>): Promise<RunResult> {
  const grants = [grant({ methods: ['GET', 'POST'] })]
  return (await tokaOf(way)).run({ language: 'javascript', grants, network: { lookup, concurrent: 1 }, ...request })
}

describe.each(WAYS)('%s:', (way) => {
  test('where an upload is led is given up with it: its slot is free at once', async () => {
    lead()
    const source = `async function* body() { yield new Uint8Array(1) }
      const code = (error) => error.code ?? error.name
      const out = []
      for (let n = 0; n < 3; n++) {
        const stop = new AbortController()
        const init = { method: 'POST', body: body(), duplex: 'half', signal: stop.signal }
        const led = fetch('http://a.test:${port}/leads', init).then((r) => r.status, (e) => e.name)
        await new Promise((done) => setTimeout(done, 200))
        stop.abort()
        out.push(await led, await fetch('http://a.test:${port}/next').then((r) => r.text(), code))
      }
      export default out`
    const { value, error } = await run(way, { file: '/t.mjs', source })
    expect([value, error]).toEqual([Array(3).fill(['AbortError', 'GET /next']).flat(), undefined])
  })

  test('the same of a task that is cancelled in Python', async (context) => {
    context.skip(way === 'inline' && !(await canSuspend()), skipReasons.noJspi)
    lead()
    const source = `import asyncio
from toka import fetch
async def body():
    yield b'x'
out = []
for n in range(3):
    led = asyncio.ensure_future(fetch.aio('http://a.test:${port}/leads', body=body()))
    await asyncio.sleep(0.2)
    led.cancel()
    try:
        await led
    except asyncio.CancelledError:
        out.append('cancelled')
    out.append((await fetch.aio('http://a.test:${port}/next')).text())
out`
    const { value, error } = await run(way, { language: 'python', source })
    expect([value, error]).toEqual([Array(3).fill(['cancelled', 'GET /next']).flat(), undefined])
  })

  test('lookups, which go on without it, are no more than there may be', async () => {
    let asked = 0
    const source = `const failures = new Set()
      for (let round = 0; round < 5; round++) {
        const stop = new AbortController()
        const all = Array.from({ length: 50 }, (_, n) =>
          fetch('http://h' + round + '-' + n + '.a.test/', { signal: stop.signal }).catch((e) => failures.add(e.code ?? e.name)))
        await new Promise((done) => setTimeout(done, 50))
        stop.abort()
        await Promise.all(all)
      }
      export default [...failures].sort()`
    const never = async (): Promise<string[]> => {
      asked++
      return new Promise(() => {})
    }
    const grants = [grant({ hosts: ['*.a.test'], ports: [80] })]
    const { value, error } = await run(way, { file: '/t.mjs', source, grants, network: { lookup: never } })
    expect([error, asked]).toEqual([undefined, NETWORK.lookups])
    expect(value).toContain('TOKA_NET_FAILED')
  })
})
