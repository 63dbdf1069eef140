/** Bodies that Python sends piece by piece: from iterables, files and asynchronous generators, by toka.fetch and urllib.request. */
import { describe, expect, test } from 'vitest'
import { canSuspend } from '../../src/loader/suspension.ts'
import { WAYS } from '../isolations.ts'
import { handlers } from '../network-world.node.ts'
import { preparePython, valueIn } from '../python.ts'
import { closed, hear, PIECE, sending, valueOf } from '../python-uploads.node.ts'

preparePython()

// Where a guest cannot be suspended, a request on the caller's own thread is refused (TOKA_CALL_BLOCKING).
const ways = (await canSuspend()) ? WAYS : WAYS.filter((way) => way !== 'inline')

describe.each(ways)('%s:', (way) => {
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
