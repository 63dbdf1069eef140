/** A server on loopback that counts connections, and sandboxes that may ask it: for tests of the network. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterAll, beforeAll } from 'vitest'
import { createToka, type GrantInput, type RunResult, type SandboxOptions, type Toka } from '../src/index.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void
const LOOPBACK = ['127.0.0.0/8', '::1/128']

let server: Server
export let port = 0
let connections = 0
export const seen: { url: string; headers: IncomingMessage['headers']; method: string }[] = []
export const handlers: Record<string, Handler> = {}
export let toka: Toka

beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push({ url: request.url ?? '', headers: request.headers, method: request.method ?? '' })
    const handler = handlers[(request.url ?? '').split('?')[0] ?? '']
    if (handler) handler(request, response)
    else response.end(`${request.method} ${request.url}`)
  })
  server.on('connection', (_: Socket) => connections++)
  server.on('upgrade', (_, socket) => socket.destroy())
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  port = (server.address() as AddressInfo).port
  toka = await createToka({ cache: false })
})
afterAll(async () => {
  await toka.dispose()
  server.closeAllConnections()
  server.close()
})

export const grant = (more: Partial<Extract<GrantInput, { resource: 'net' }>> = {}): GrantInput => ({
  resource: 'net',
  actions: ['fetch'],
  schemes: ['http'],
  hosts: ['a.test'],
  ports: [port],
  cidrs: LOOPBACK,
  ...more,
})
export const lookup = async () => ['127.0.0.1']
const FETCH = `export default async (urls) => { const out = []; for (const [url, init] of urls) { try { const r = await fetch(url, init); out.push([r.status, await r.text()]) } catch (e) { out.push(e.code ?? e.name) } } return out }`

export const run = (urls: unknown[], options: Partial<SandboxOptions> = {}, source = FETCH): Promise<RunResult> =>
  toka.run({
    language: 'javascript',
    file: '/t.mjs',
    source,
    input: urls.map((one) => (Array.isArray(one) ? one : [one])),
    grants: [grant()],
    network: { lookup },
    ...options,
  })

/** What became of requests; whether a server was connected to meanwhile. */
export async function outcomes(urls: unknown[], options?: Partial<SandboxOptions>) {
  const before = connections
  const result = await run(urls, options)
  return { value: result.value as unknown[], connected: connections - before, denials: result.denials, result }
}
export const all = (count: number) => Array<string>(count).fill('TOKA_DENIED')
