/** A server that tells what it hears of bodies that components send in pieces: for tests of both WASIs. */
import type { IncomingMessage } from 'node:http'
import type { SandboxOptions, Toka } from '../src/index.ts'
import { canSuspend } from '../src/loader/suspension.ts'
import { assembled } from './component-bench.ts'
import { argumentsOf, readUploaded, type Upload, type Uploaded } from './component-uploads.ts'
import { tokaOf, type Way } from './isolations.ts'
import { grant, handlers, lookup, port } from './network-world.node.ts'

/** What a server has heard. */
export type Heard = {
  bytes: number
  /** Connections. */
  open: number
  /** Bodies that came to their end. */
  ended: number
  /** `chunked`, a length, or `none` of the last request. */
  framing: string | undefined
  /** The first byte of each piece that is another than the one before. */
  order: number[]
}

/** Bytes of a body whose order is looked at. */
const MOST_ORDERED = 2 ** 20

function framingOf({ headers }: IncomingMessage): string {
  return headers['transfer-encoding'] ?? headers['content-length'] ?? 'none'
}

/** A path of the server that reads bodies to their ends, and answers their size. */
export function hear(path: string): Heard {
  const heard: Heard = { bytes: 0, open: 0, ended: 0, framing: undefined, order: [] }
  handlers[path] = (request, response) => {
    heard.open++
    heard.bytes = 0
    heard.framing = framingOf(request)
    request.socket.on('close', () => heard.open--)
    request.on('data', (piece: Buffer) => {
      heard.bytes += piece.length
      if (heard.bytes < MOST_ORDERED) for (const byte of piece) if (byte !== heard.order.at(-1)) heard.order.push(byte)
    })
    request.on('end', () => {
      heard.ended++
      response.end(String(heard.bytes))
    })
  }
  return heard
}

/** The same path, which reads nothing until it may. */
export function hearLater(path: string): { heard: Heard; go: () => void } {
  const heard = hear(path)
  const reads = handlers[path]!
  let go = (): void => {}
  handlers[path] = (request, response) => {
    go = () => reads(request, response)
  }
  return { heard, go: () => go() }
}

/** Connections that are still open, once there has been time to close them. */
export async function quiet(heard: Heard): Promise<number> {
  for (let tries = 0; heard.open > 0 && tries < 150; tries++) await new Promise((done) => setTimeout(done, 20))
  return heard.open
}

/** The options of a sandbox that may post to the server, with a component of WASI. */
export const uploading = (options: Partial<SandboxOptions> = {}, component: 'wasi' | 'wasi3' = 'wasi') => ({
  language: 'wasm' as const,
  module: assembled(component),
  grants: [grant({ methods: ['GET', 'POST'] })],
  network: { lookup },
  ...options,
})

/** On the caller's thread where guests can be suspended, in a worker that waits where they cannot. */
export async function tokaHere(way: Way = 'inline'): Promise<Toka> {
  return tokaOf(way === 'inline' && !(await canSuspend()) ? 'worker' : way)
}

export async function upload(path: string, asked: Upload): Promise<Uploaded> {
  const toka = await tokaHere(asked.way)
  const run = await toka.run({
    ...uploading(asked.options, asked.component),
    call: 'upload',
    input: argumentsOf(`${asked.host ?? 'a.test'}:${port}`, path, asked),
  })
  return readUploaded(run)
}
