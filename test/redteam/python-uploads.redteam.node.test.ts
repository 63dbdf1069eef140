/** What ends a body that Python sends piece by piece, or gets in its way: errors, cancellation, servers, limits, raw calls, forks. */
import { describe, expect, test } from 'vitest'
import { tokaOf } from '../isolations.ts'
import { grant, handlers, lookup, port } from '../network-world.node.ts'
import { preparePython, valueIn } from '../python.ts'
import { closed, hear, PIECE, PROGRAM, sending, valueOf } from '../python-uploads.node.ts'

preparePython()

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

describe('raw calls of the services behind it', () => {
  test('meet the same checks: numbers, order, sizes and lengths are the host’s to keep', async () => {
    const heard = hear('/raw')
    const source = `from _toka_calls import call_tool
from _toka_encode import encode
def raw(name, value):
    try:
        answer = call_tool("toka:" + name, encode(value, structured=4_000_000))
        return answer["status"] if isinstance(answer, dict) else answer
    except Exception as e:
        return getattr(e, "code", None) or str(e).partition("]")[0] + "]"
asked = {"url": base + "/raw", "method": "POST", "headers": [], "redirect": "follow"}
out = [raw("open", {**asked, **more}) for more in (
    {"length": -1}, {"length": 1.5}, {"length": 2.0**60}, {"length": "5"}, {"key": 1}, {"key": "x"}, {"body": b"x"}, {"headers": 5},
    {"url": "http://b.test/"}, {"headers": [["content-length", "5"]]}, {"headers": [["transfer-encoding", "chunked"]]})]
number = raw("open", asked)
out += [raw("send", value) for value in (
    [number, "text"], [number], number, [number + 1, b"x"], [-1, b"x"], [float("nan"), b"x"], [number, b"x" * 262_145])]
out += [raw("read", number), raw("answer", number + 1), raw("send", [number, b"abc"]), raw("send", [number, b""]), raw("send", [number, b"late"]),
        raw("answer", number), raw("answer", number), raw("send", [number, b"later"])]
odd = {"toString": 1, "valueOf": 1}
out += [raw("read", number) == b"POST 3 abc", raw("read", number) == b"", raw("read", number), raw("cancel", number), raw("cancel", "x"), raw("cancel", -5), raw("cancel", odd), raw("read", odd), raw("answer", odd)]
out`
    const einval = '[Errno 28]'
    const ebadf = '[Errno 8]'
    expect(await valueOf(source)).toEqual([
      ...Array(7).fill(einval),
      einval,
      'TOKA_DENIED',
      einval,
      einval,
      ...[einval, einval, einval, ebadf, ebadf, ebadf, einval],
      ...[ebadf, ebadf, true, true, ebadf],
      ...[200, ebadf, ebadf],
      ...[true, true, ebadf, undefined, undefined, undefined, undefined, ebadf, ebadf],
    ])
    expect(heard).toMatchObject({ ended: 1, bytes: 3 })
    expect(await closed(heard)).toBe(0)
  })

  test('a compressed answer that breaks before anybody looks at it is a broken connection at once', async () => {
    handlers['/broken'] = (request, response) => {
      request.resume()
      request.on('end', () => {
        response.writeHead(200, { 'content-encoding': 'gzip' }).write('abc')
        setTimeout(() => request.socket.resetAndDestroy(), 50)
      })
    }
    const source = `import time
from _toka_calls import call_tool
from _toka_encode import encode
number = call_tool("toka:open", encode({"url": base + "/broken", "method": "POST", "headers": [], "redirect": "follow"}))
call_tool("toka:send", encode([number, b""]))
time.sleep(0.3)
call_tool("toka:answer", encode(number))
try:
    call_tool("toka:read", encode(number))
except Exception as e:
    log.append(getattr(e, "code", None))
log`
    expect(await valueOf(source)).toEqual(['TOKA_NET_FAILED'])
  })

  test('one key is one request’s at a time, and ends only that one', async () => {
    handlers['/mute'] = (request) => void request.resume()
    const source = `from _toka_calls import begin_call, call_tool, tool_argument
from _toka_encode import encode
from _toka_loop import call_future
from _toka_operations import ToolCall
def begin(path, key):
    future = call_future()
    asked = {"url": base + path, "method": "GET", "headers": [], "redirect": "follow", "key": key}
    begin_call(ToolCall, tool_argument("toka:fetch", encode(asked)), future)
    return future
async def twin():
    try:
        return await begin("/mute", -7)
    except OSError as e:
        return str(e)
first, other = begin("/mute", -7), begin("/mute", -8)
told = await twin()
await asyncio.sleep(0.1)
call_tool("toka:cancel", encode(-7))
await asyncio.sleep(0.1)
[type(first.exception()).__name__, told, other.done()]`
    expect(await valueOf(source)).toEqual(['OSError', '[Errno 28] the request is malformed', false])
  })
})
