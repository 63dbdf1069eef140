/** Bodies that Python sends piece by piece: from iterables, files and asynchronous generators, by toka.fetch and urllib.request. */
import { describe, expect, test } from 'vitest'
import type { SandboxOptions } from '../../src/index.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { tokaOf, WAYS, type Way } from '../isolations.ts'
import { grant, handlers, lookup, port } from '../network-world.node.ts'
import { preparePython, runPython, valueIn } from '../python.ts'
import { skipReasons } from '../skip-reasons.ts'

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
    let bytes = 0
    request.on('data', (piece: Buffer) => {
      heard.bytes += piece.length
      bytes += piece.length
      if (text.length < 40) text += piece.toString('latin1').slice(0, 40)
      if (heard.bytes >= wanted && !response.headersSent) response.writeHead(413).end('enough')
    })
    request.on('end', () => {
      heard.ended++
      if (!response.headersSent) response.end(`${request.method} ${bytes} ${text.slice(0, 40)}`)
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
  test('a generator is sent piece by piece, chunked, and more of it than one request holds', async ({ skip }) => {
    skip(way === 'inline' && !(await canSuspend()), skipReasons.noJspi)
    const heard = hear('/whole')
    const result = await sending(`[fetch(base + "/whole", body=pieces(160)).text()[:20], log[-1]]`, { way })
    expect(valueIn(result)).toEqual([`POST ${160 * PIECE} aaa`.padEnd(20, 'a'), 'closed'])
    expect(heard).toMatchObject({ ended: 1, length: undefined, chunked: 'chunked' })
    expect(result.usage.bytesWritten).toBe(160 * PIECE)
    expect(await closed(heard)).toBe(0)
  })

  test('an asynchronous generator is awaited, while others run', async ({ skip }) => {
    skip(way === 'inline' && !(await canSuspend()), skipReasons.noJspi)
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
    expect(await valueOf(source, { way })).toEqual([`POST ${8 * PIECE} aa`, [0, 1, 2, 3, 4, 5, 6, 7, 'closed'], true])
  })
})

describe('what a body may be', () => {
  test('files, of the sandbox or in memory, iterables of anything that is bytes, and the body of an answer', async () => {
    hear('/kinds')
    handlers['/source'] = (_, response) => void response.end('x'.repeat(100_000))
    const source = `open("/tmp/f", "wb").write(b"f" * 300_000)
import array
with open("/tmp/f", "rb") as file:
    sent = fetch(base + "/kinds", body=file).text()[:13], file.closed
class Minimal:
    def __init__(self): self.left = 3
    def __iter__(self): return self
    def __next__(self):
        self.left -= 1
        if self.left < 0: raise StopIteration
        return b"m"
[list(sent), *(fetch(base + "/kinds", method="PUT", body=body).text() for body in (
    io.BytesIO(b"abc"), [b"a", bytearray(b"b"), memoryview(b"c"), b"", array.array("H", [0x6464]), memoryview(b"exex")[::2]],
    Minimal(), (piece for piece in ()), array.array("B", b"whole"))), fetch(base + "/kinds", body=fetch(base + "/source").chunks()).text()[:11]]`
    expect(await valueOf(source)).toEqual([
      ['POST 300000 f', false],
      'PUT 3 abc',
      'PUT 7 abcddee',
      'PUT 3 mmm',
      'PUT 0 ',
      'PUT 5 whole',
      'POST 100000',
    ])
  })

  test('what is no bytes is the program’s mistake, told where it is made, and closes the connection', async () => {
    const heard = hear('/wrong')
    const source = `class Text:
    def read(self, size): return "text"
[told(lambda: fetch(base + "/wrong", body=body)) for body in (5, ["text"], [None], [5], Text(), late(1))] + [
    await told_aio(fetch.aio(base + "/wrong", body=["text"])),
    told(lambda: fetch(base + "/wrong", body=pieces(1), json=1)),
    told(lambda: fetch(base + "/wrong", body=pieces(1), headers={"Content-Length": "1 2"})), log]`
    expect(await valueOf(source)).toEqual([
      'TypeError: a body is text, bytes, a file, or an iterable of bytes, not int',
      'TypeError: the pieces of a body are bytes, not str: open the file in binary mode, or encode it',
      'TypeError: the pieces of a body are bytes, not NoneType',
      'TypeError: the pieces of a body are bytes, not int',
      'TypeError: the pieces of a body are bytes, not str: open the file in binary mode, or encode it',
      'TypeError: an asynchronous iterable is sent by fetch.aio, which awaits it',
      'TypeError: the pieces of a body are bytes, not str: open the file in binary mode, or encode it',
      'TypeError: fetch takes body or json, not both',
      "ValueError: the length of a body must be a number of bytes, not '1 2'",
      [],
    ])
    expect(heard.ended).toBe(0)
    expect(await closed(heard)).toBe(0)
  })

  test('a declared length is sent, and another one than the body has is an error', async () => {
    const heard = hear('/length')
    const source = `sized = lambda body, length: told(lambda: fetch(base + "/length", body=body, headers={"Content-Length": length}))
[sized(pieces(2, 5), "10"), sized(pieces(2, 5), "9"), sized(pieces(2, 5), "11"), sized(pieces(0), "0"),
 sized(pieces(1), str(2**60)), sized(pieces(1), "9" * 400),
 await told_aio(fetch.aio(base + "/length", body=late(3, 2), headers=[("content-length", 6)]))]`
    const wrong = (length: string) =>
      `OSError: [Errno 28] the body has another length than the ${length} that were said`
    expect(await valueOf(source)).toEqual([
      'POST 10 aaaaabbbbb',
      wrong('9'),
      wrong('11'),
      'POST 0 ',
      expect.stringMatching(/OSError|ValueError/),
      expect.stringMatching(/OSError|ValueError/),
      'POST 6 aabbcc',
    ])
    expect(heard).toMatchObject({ length: '6', chunked: undefined, ended: 3 })
    expect(await closed(heard)).toBe(0)
  })
})

describe('urllib.request', () => {
  test('sends iterables and files as CPython does: chunked, or with the length that was declared', async () => {
    const heard = hear('/urllib')
    const opened = `def opened(data, **headers):
    request = urllib.request.Request(base + "/urllib", data=data, headers={k.replace("_", "-"): v for k, v in headers.items()})
    return urllib.request.urlopen(request).read().decode()[:20]
`
    const source = `${opened}[opened(pieces(100)), opened(io.BytesIO(b"file")), opened(io.StringIO("é")), opened([b"a", b"b"]), opened(iter([b"c"]), Content_Type="x/y"),
 opened(pieces(2, 2), Transfer_Encoding="chunked"), opened(b"whole")]`
    expect(await valueOf(source)).toEqual([
      `POST ${100 * PIECE} aaa`.padEnd(20, 'a'),
      'POST 4 file',
      'POST 1 é',
      'POST 2 ab',
      'POST 1 c',
      'POST 4 aabb',
      'POST 5 whole',
    ])
    expect(heard).toMatchObject({ ended: 7, length: '5', chunked: undefined })
    expect(await valueOf(`${opened}opened(pieces(2, 2), content_length="4")`)).toBe('POST 4 aabb')
    expect(heard).toMatchObject({ length: '4', chunked: undefined })
  })

  test('an error of the iterable reaches the program, and a length that is not the body’s is one', async () => {
    const heard = hear('/failing')
    const source = `def broken(error):
    yield b"abc"
    raise error
def opened(data, **headers):
    try:
        urllib.request.urlopen(urllib.request.Request(base + "/failing", data=data, headers=headers))
    except urllib.error.URLError as e:
        return f"URLError of {type(e.reason).__name__}"
    except Exception as e:
        return f"{type(e).__name__}: {e}"
[opened(broken(KeyError("mine"))), opened(broken(FileNotFoundError("gone"))), opened("text"), opened(["text"]), opened(5),
 opened(pieces(2, 2), **{"Content-Length": "3"}), opened(b"abc", **{"Content-Length": "4"}), opened(b"abc", **{"Content-Length": "x"})]`
    expect(await valueOf(source)).toEqual([
      "KeyError: 'mine'",
      'URLError of FileNotFoundError',
      'TypeError: POST data should be bytes, an iterable of bytes, or a file object. It cannot be of type str.',
      expect.stringContaining('TypeError: the pieces of a body are bytes, not str'),
      expect.stringContaining('TypeError'),
      'URLError of OSError',
      'ValueError: the body has 3 bytes, and not the 4 that were said',
      expect.stringContaining('ValueError'),
    ])
    expect(heard.ended).toBe(0)
    expect(await closed(heard)).toBe(0)
  })

  test('what urllib does with a redirect of a body that is gone: 303 is followed, 307 raises', async () => {
    for (const status of [303, 307])
      handlers[`/r${status}`] = (request, response) => {
        request.resume()
        request.on('end', () => void response.writeHead(status, { location: '/there' }).end())
      }
    const source = `def opened(path):
    try:
        return urllib.request.urlopen(urllib.request.Request(base + path, data=pieces(2))).read().decode()
    except urllib.error.HTTPError as e:
        return e.code
[opened("/r303"), opened("/r307"), *(told(lambda: fetch(base + path, body=pieces(2))) for path in ("/r303", "/r307")),
 fetch(base + "/r307", body=pieces(2), redirect="manual").status]`
    expect(await valueOf(source)).toEqual(['GET /there', 307, 'GET /there', 'TOKA_NET_FAILED', 307])
  })
})

describe('what ends a body', () => {
  test('an exception of its iterable, which the program gets with its own frames, and the connection closes', async () => {
    const heard = hear('/broken')
    const source = `def broken():
    yield b"abc"
    raise LookupError("mine")
async def late_broken():
    yield b"abc"
    await asyncio.sleep(0)
    raise LookupError("late")
[told(lambda: fetch(base + "/broken", body=broken())), await told_aio(fetch.aio(base + "/broken", body=late_broken())), await told_aio(fetch.aio(base + "/broken", body=broken()))]`
    expect(await valueOf(source)).toEqual(['LookupError: mine', 'LookupError: late', 'LookupError: mine'])
    const raised = await sending(`def broken():
    yield b"abc"
    raise LookupError("mine")
fetch(base + "/broken", body=broken())`)
    expect(raised.error?.guestStack).toMatch(/in broken\n\s+raise LookupError\("mine"\)/)
    expect(raised.error?.guestStack).not.toContain('_upload')
    expect(heard.ended).toBe(0)
    expect(await closed(heard)).toBe(0)
  })

  test('a server that wants no more, whose answer is delivered: the generator is closed, a file is not', async () => {
    const heard = hear('/enough', 1)
    const source = `def endless():
    try:
        while True:
            yield b"x" * 10_000
    finally:
        log.append("sync")
async def late_endless():
    try:
        while True:
            yield b"x" * 10_000
    finally:
        await asyncio.sleep(0)
        log.append("late")
class File:
    def read(self, size): return b"x" * size
    def close(self): log.append("file")
kept = endless(), late_endless(), File()
answers = [fetch(base + "/enough", body=kept[0]), await fetch.aio(base + "/enough", body=kept[1]), fetch(base + "/enough", body=kept[2])]
[[a.status for a in answers], [a.text() for a in answers], log]`
    expect(await valueOf(source)).toEqual([
      [413, 413, 413],
      ['enough', 'enough', 'enough'],
      ['sync', 'late'],
    ])
    expect(await closed(heard)).toBe(0)
  })

  test('a task that is cancelled, a timeout, and a coroutine that is closed: each frees its slot', async () => {
    const heard = hear('/cancelled')
    handlers['/mute'] = (request) => void request.resume()
    const source = `async def endless():
    while True:
        yield b"x" * 1000
        await asyncio.sleep(0.005)
async def ended(work):
    try:
        await work
    except BaseException as e:
        return type(e).__name__
async def cancelled():
    task = asyncio.ensure_future(fetch.aio(base + "/cancelled", body=endless()))
    await asyncio.sleep(0.1)
    task.cancel()
    return await ended(task)
async def timed(path):
    return await ended(asyncio.wait_for(fetch.aio(base + path, body=endless() if path == "/cancelled" else None), 0.1))
told = []
for _ in range(3):
    told += [await cancelled(), await timed("/cancelled"), await timed("/mute")]
    coroutine = fetch.aio(base + "/cancelled", body=endless())
    coroutine.send(None)
    coroutine.close()
    await asyncio.sleep(0.05)
told.append(fetch(base + "/cancelled", body=pieces(1, 3)).text())
told`
    expect(await valueOf(source, { network: { lookup, concurrent: 2 } })).toEqual([
      ...Array(3).fill(['CancelledError', 'TimeoutError', 'TimeoutError']).flat(),
      'POST 3 aaa',
    ])
    expect(await closed(heard)).toBe(0)
  })

  test('a run that ends, by its time or by its signal, closes the connection of a body without end', async () => {
    const heard = hear('/endless')
    const source = `def endless():
    while True:
        yield b"x" * 1000
fetch(base + "/endless", body=endless())`
    const more = { network: { lookup, requestBytes: 2 ** 40 } }
    const late = await sending(source, { ...more, limits: { timeoutMs: 500 } })
    expect(late.error?.code).toBe('TOKA_LIMIT_TIME')
    expect(heard.bytes).toBeGreaterThan(0)
    expect(await closed(heard)).toBe(0)
    const bound = await sending(source.replace(/fetch(.*)$/, 'told(lambda: fetch$1)'), {
      network: { lookup, requestBytes: 100_000 },
    })
    expect(valueIn(bound)).toBe('TOKA_NET_SIZE')
    expect(await closed(heard)).toBe(0)
    expect(heard.ended).toBe(0)
  })

  test('a quota in the middle: what was not sent is not charged', async () => {
    const heard = hear('/quota')
    const quota = { bytes: 3 * PIECE + 10 }
    const result = await sending(`[told(lambda: fetch(base + "/quota", body=pieces(9))), log]`, {
      grants: [grant({ methods: ['POST'], quota })],
    })
    expect(valueIn(result)).toEqual(['TOKA_DENIED', [0, 1, 2, 3, 'closed']])
    expect(result.denials[0]).toMatchObject({ operation: 'net.fetch', reason: 'quota' })
    expect(result.usage.bytesWritten).toBe(3 * PIECE)
    expect(await closed(heard)).toBe(0)
  })
})

describe('in the middle of a body', () => {
  test('its iterable makes requests of its own, and sends the answer of another as it comes', async () => {
    hear('/outer')
    hear('/inner')
    const source = `def asking():
    for n in range(3):
        yield fetch(base + "/inner", body=[b"n"] * n).bytes()
async def asking_late():
    for n in range(3):
        yield (await fetch.aio(base + "/inner", body=[b"m"] * n)).bytes()
one = told(lambda: fetch(base + "/outer", body=asking()))
[one, await told_aio(fetch.aio(base + "/outer", body=asking_late()))]`
    expect(await valueOf(source)).toEqual(['POST 24 POST 0 POST 1 nPOST 2 nn', 'POST 24 POST 0 POST 1 mPOST 2 mm'])
    expect(await valueOf(source, { network: { lookup, concurrent: 1 } })).toEqual([
      'TOKA_NET_FAILED',
      'TOKA_NET_FAILED',
    ])
  })

  test('a sandbox is forked only at rest: neither it nor its fork has a body open that a run left behind', async () => {
    const heard = hear('/left')
    const sandbox = await (await tokaOf('worker')).open({
      language: 'python',
      grants: [grant({ methods: ['GET', 'POST'] })],
      network: { lookup },
    })
    const source = `${PROGRAM}
async def endless():
    while True:
        yield b"x" * 1000
        await asyncio.sleep(0.01)
left = asyncio.ensure_future(fetch.aio(base + "/left", body=endless()))
await asyncio.sleep(0.2)
kept = fetch(base + "/left-answer")`
    const begun = sandbox.run({ source, input: `http://a.test:${port}` })
    const fork = sandbox.fork()
    expect((await begun).error).toBeUndefined()
    expect(heard.bytes).toBeGreaterThan(0)
    expect(await closed(heard)).toBe(0)
    const twin = await fork
    for (const each of [sandbox, twin]) {
      const after = await each.run({
        source: `[left.cancelled(), told(lambda: kept), told(lambda: fetch(base + "/left", body=pieces(1, 3)))]`,
        input: `http://a.test:${port}`,
      })
      expect(after.value).toEqual([true, 'OSError: [Errno 8] the body is not open', 'POST 3 aaa'])
    }
    await twin.dispose()
    await sandbox.dispose()
  })
})
