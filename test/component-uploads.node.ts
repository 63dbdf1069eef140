/** A component that sends bodies in pieces, and a server that tells what it hears: for tests of both WASIs. */
import type { IncomingMessage } from 'node:http'
import type { RunResult, SandboxOptions, Toka } from '../src/index.ts'
import { canSuspend } from '../src/loader/suspension.ts'
import { assembled } from './component-bench.ts'
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

/** Connections that are still open, once there has been time to close them. */
export async function quiet(heard: Heard): Promise<number> {
  for (let tries = 0; heard.open > 0 && tries < 150; tries++) await new Promise((done) => setTimeout(done, 20))
  return heard.open
}

export type Upload = {
  /** Of the variant `method`: POST. */
  method?: number
  /** What it declares. */
  length?: string
  pieces?: number
  before?: number
  size?: number
  how?: number
  way?: Way
  host?: string
  component?: 'wasi' | 'wasi3'
  options?: Partial<SandboxOptions>
}

export type Uploaded = {
  outcome: 'answered' | 'failed' | 'let go' | 'refused' | undefined
  error: number | undefined
  status: number
  pieces: number
  /** The error of finish, or of the transmission; `failed` or `closed`: how its stream ended, and the error that it ended with. */
  finish: number | undefined
  ended: 'failed' | 'closed' | undefined
  endedWith: number | undefined
  body: string
  memoryBytes: number
  bytesWritten: number
  run: RunResult
}

const less = (byte: number | undefined): number | undefined => (byte ? byte - 1 : undefined)

/** What it answers in its bytes (wasi-2-upload-text.ts). */
export function readUploaded(run: RunResult): Uploaded {
  const bytes = run.value instanceof Uint8Array ? run.value : new Uint8Array(12)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const outcome = run.value === undefined ? undefined : bytes[0]
  return {
    outcome: outcome === undefined ? undefined : (['answered', 'failed', 'let go', 'refused'] as const)[outcome],
    error: outcome === 1 ? bytes[1] : undefined,
    status: view.getUint16(2, true),
    pieces: view.getUint32(4, true),
    finish: less(bytes[8]),
    ended: ([undefined, 'failed', 'closed'] as const)[bytes[9] ?? 0],
    endedWith: less(bytes[10]),
    body: new TextDecoder().decode(bytes.subarray(12)),
    memoryBytes: run.usage.memoryBytes,
    bytesWritten: run.usage.bytesWritten,
    run,
  }
}

const POST = 2

/** The options of a sandbox that may post to the server, with a component of WASI. */
export const uploading = (options: Partial<SandboxOptions> = {}, component: 'wasi' | 'wasi3' = 'wasi') => ({
  language: 'wasm' as const,
  module: assembled(component),
  grants: [grant({ methods: ['GET', 'POST'] })],
  network: { lookup },
  ...options,
})

export function argumentsOf(path: string, { method = POST, length = '', pieces = 0, ...more }: Upload): unknown[] {
  const { before = 0, size = 0, how = 0, host = 'a.test' } = more
  return [`${host}:${port}`, path, method, length, pieces, before, size, how]
}

/** On the caller's thread where guests can be suspended, in a worker that waits where they cannot. */
export async function tokaHere(way: Way = 'inline'): Promise<Toka> {
  return tokaOf(way === 'inline' && !(await canSuspend()) ? 'worker' : way)
}

export async function upload(path: string, asked: Upload): Promise<Uploaded> {
  const toka = await tokaHere(asked.way)
  const run = await toka.run({
    ...uploading(asked.options, asked.component),
    call: 'upload',
    input: argumentsOf(path, asked),
  })
  return readUploaded(run)
}
