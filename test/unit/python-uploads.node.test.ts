/** Bodies that Python sends piece by piece: from iterables, files and asynchronous generators, by toka.fetch and urllib.request. */
import { describe, expect, test } from 'vitest'
import type { SandboxOptions } from '../../src/index.ts'
import { WAYS, type Way } from '../isolations.ts'
import { grant, handlers, lookup, port } from '../network-world.node.ts'
import { preparePython, runPython, valueIn } from '../python.ts'

preparePython()

const PIECE = 65_536

/** What servers read of bodies: the bytes, the pieces as HTTP has them, how connections ended. */
type Heard = { bytes: number; ended: number; open: number; length: string | undefined; chunked: string | undefined }

/** A path that reads a body to its end, and answers its first bytes and its size. */
function hear(path: string, wanted = Infinity): Heard {
  const heard: Heard = { bytes: 0, ended: 0, open: 0, length: undefined, chunked: undefined }
  handlers[path] = (request, response) => {
    heard.open++
    heard.length = request.headers['content-length']
    heard.chunked = request.headers['transfer-encoding']
    request.socket.on('close', () => heard.open--)
    let text = ''
    request.on('data', (piece: Buffer) => {
      heard.bytes += piece.length
      if (text.length < 40) text += piece.toString('latin1').slice(0, 40)
      if (heard.bytes >= wanted && !response.headersSent) response.writeHead(413).end('enough')
    })
    request.on('end', () => {
      heard.ended++
      if (!response.headersSent) response.end(`${request.method} ${heard.bytes} ${text.slice(0, 40)}`)
    })
  }
  return heard
}

const closed = async (heard: Heard): Promise<number> => {
  for (let tries = 0; heard.open > 0 && tries < 100; tries++) await new Promise((done) => setTimeout(done, 20))
  return heard.open
}

const PROGRAM = `
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

const sending = (source: string, { way = 'worker', ...options }: Options = {}) =>
  runPython(way, {
    source: PROGRAM + source,
    input: `http://a.test:${port}`,
    grants: [grant({ methods: ['GET', 'POST', 'PUT'] })],
    network: { lookup },
    ...options,
  })
const valueOf = async (source: string, options?: Options): Promise<unknown> => valueIn(await sending(source, options))

describe.each(WAYS)('%s:', (way) => {
  test('a generator is sent piece by piece, chunked, and more of it than one request holds', async () => {
    const heard = hear('/whole')
    const result = await sending(`[fetch(base + "/whole", body=pieces(160)).text()[:20], log[-1]]`, { way })
    expect(valueIn(result)).toEqual([`POST ${160 * PIECE} aaa`.padEnd(20, 'a'), 'closed'])
    expect(heard).toMatchObject({ ended: 1, length: undefined, chunked: 'chunked' })
    expect(result.usage.bytesWritten).toBe(160 * PIECE)
    expect(await closed(heard)).toBe(0)
  })

  test('an asynchronous generator is awaited, while others run', async () => {
    hear('/late')
    const source = `ticks = 0
async def ticking():
    global ticks
    while True:
        await asyncio.sleep(0)
        ticks += 1
tick = asyncio.ensure_future(ticking())
text = (await fetch.aio(base + "/late", body=late(8))).text()
tick.cancel()
[text[:14], log, ticks > 8]`
    expect(await valueOf(source, { way })).toEqual([
      `POST ${8 * PIECE} aa`,
      [0, 1, 2, 3, 4, 5, 6, 7, 'closed'],
      true,
    ])
  })
})
