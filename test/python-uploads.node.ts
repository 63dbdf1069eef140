/** Paths that read bodies, and programs in Python that send them piece by piece: for tests of uploads. */
import type { SandboxOptions } from '../src/index.ts'
import type { Way } from './isolations.ts'
import { grant, handlers, lookup, port } from './network-world.node.ts'
import { runPython, valueIn } from './python.ts'

export const PIECE = 65_536

/** What servers read of bodies: the bytes, the pieces as HTTP has them, how connections ended. */
type Heard = { bytes: number; ended: number; open: number; length: string | undefined; chunked: string | undefined }

/** A path that reads a body to its end, and answers its first bytes and its size. */
export function hear(path: string, wanted = Infinity): Heard {
  const heard: Heard = { bytes: 0, ended: 0, open: 0, length: undefined, chunked: undefined }
  handlers[path] = (request, response) => {
    heard.open++
    heard.length = request.headers['content-length']
    heard.chunked = request.headers['transfer-encoding']
    request.socket.on('close', () => heard.open--)
    let text = ''
    let bytes = 0
    request.on('data', (piece: Buffer) => {
      heard.bytes += piece.length
      bytes += piece.length
      if (text.length < 40) text += piece.toString('latin1').slice(0, 40)
      if (heard.bytes < wanted || response.headersSent) return
      // It goes on reading: closing at once may lose the answer on its way (RFC 9112, section 9.6).
      response.shouldKeepAlive = true
      response.writeHead(413).end('enough')
    })
    request.on('end', () => {
      heard.ended++
      if (!response.headersSent) response.end(`${request.method} ${bytes} ${text.slice(0, 40)}`)
    })
  }
  return heard
}

export const closed = async (heard: Heard): Promise<number> => {
  for (let tries = 0; heard.open > 0 && tries < 100; tries++) await new Promise((done) => setTimeout(done, 20))
  return heard.open
}

/** What every program begins with. */
export const PROGRAM = `
import asyncio, io, urllib.error, urllib.request
from toka import fetch, input, Denied, NetworkError, TokaError
base, log = input, []

def pieces(count, size=${PIECE}):
    try:
        for number in range(count):
            log.append(number)
            yield bytes([97 + number % 26]) * size
    finally:
        log.append("closed")

async def late(count, size=${PIECE}):
    try:
        for number in range(count):
            log.append(number)
            await asyncio.sleep(0.001)
            yield bytes([97 + number % 26]) * size
    finally:
        log.append("closed")

def told(work):
    try:
        return work().text()
    except Exception as e:
        return getattr(e, "code", None) or f"{type(e).__name__}: {e}"

async def told_aio(work):
    try:
        return (await work).text()
    except Exception as e:
        return getattr(e, "code", None) or f"{type(e).__name__}: {e}"
`

type Options = Partial<SandboxOptions> & { way?: Way }

/** Runs a program in a sandbox of its own, which may ask the server. */
export const sending = (source: string, { way = 'worker', ...options }: Options = {}) =>
  runPython(way, {
    source: PROGRAM + source,
    input: `http://a.test:${port}`,
    grants: [grant({ methods: ['GET', 'POST', 'PUT'] })],
    network: { lookup },
    ...options,
  })
export const valueOf = async (source: string, options?: Options): Promise<unknown> =>
  valueIn(await sending(source, options))
