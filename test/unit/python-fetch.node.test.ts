/** Requests from Python: toka.fetch and urllib.request go through the net grants, to a server of this process. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { GrantInput, Limits, RunResult } from '../../src/index.ts'
import type { Way } from '../isolations.ts'
import { preparePython, python, runPython, valueIn } from '../python.ts'

preparePython()

let server: Server
let port = 0
let closed = 0
let seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = []

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { url = '', method = '', headers } = request
    seen.push({ method, url, headers, body })
    if (url === '/json') response.setHeader('content-type', 'application/json').end('{"a": [1, 2]}')
    else if (url === '/latin')
      response.setHeader('content-type', 'text/plain; charset=latin-1').end(Buffer.from([0xe9]))
    else if (url === '/moved') response.writeHead(302, { location: '/json' }).end()
    else if (url === '/away') response.writeHead(302, { location: 'http://b.test/' }).end()
    else if (url === '/never') request.socket.once('close', () => closed++)
    else if (url === '/endless') {
      request.socket.once('close', () => closed++)
      const more = (): void =>
        void (response.destroyed || response.write('x'.repeat(65_536), () => setTimeout(more, 1)))
      more()
    } else if (url === '/missing') response.writeHead(404).end('not here')
    else if (url === '/large') response.end('x'.repeat(1_000_000))
    else response.setHeader('x-two', ['1', '2']).end(`${method} ${url} ${body}`)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  port = (server.address() as AddressInfo).port
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  seen = []
  closed = 0
})

type Options = { way?: Way; signal?: AbortSignal; limits?: Partial<Limits>; quota?: { bytes: number } }

/** Runs a program that finds the server as `base`, with a grant for it. */
async function fetching(source: string, { way, quota, ...more }: Options = {}): Promise<RunResult> {
  const grants: GrantInput[] = [
    {
      resource: 'net',
      actions: ['fetch'],
      schemes: ['http'],
      hosts: ['a.test'],
      methods: ['GET', 'POST', 'PUT'],
      ports: [port],
      cidrs: ['127.0.0.0/8'],
      ...(quota ? { quota } : {}),
    },
  ]
  const whole = `from toka import fetch, input, TokaError\nimport urllib.request, urllib.error\nbase = input\n${source}`
  const network = { lookup: async () => ['127.0.0.1'] }
  const request = { grants, network, input: `http://a.test:${port}`, ...more }
  return way ? runPython(way, { source: whole, ...request }) : python(whole, request)
}
const valueOf = async (source: string, options?: Options): Promise<unknown> => valueIn(await fetching(source, options))

describe('toka.fetch', () => {
  test('answers status, headers and body, blocking', async () => {
    const source = `r = fetch(base + "/x?y=1")
[r.status, r.ok, r.reason, r.headers["x-two"], [v for n, v in r.header_list if n == "x-two"], r.text(), r.redirected]`
    expect(await valueOf(source)).toEqual([200, true, 'OK', '1, 2', expect.any(Array), 'GET /x?y=1 ', false])
  })

  test('answers JSON, text in its charset, and bodies in pieces', async () => {
    expect(await valueOf('fetch(base + "/json").json()')).toEqual({ a: [1, 2] })
    expect(await valueOf('fetch(base + "/latin").text()')).toBe('é')
    expect(await valueOf('sum(len(piece) for piece in fetch(base + "/large").chunks())')).toBe(1_000_000)
    expect(await valueOf('with fetch(base + "/large") as r: next(r.chunks())\nr.status')).toBe(200)
  })

  test('sends a method, headers and a body', async () => {
    await valueOf('fetch(base + "/p", json={"a": 1}, headers={"X-One": "1"}).text()')
    await valueOf('fetch(base + "/p", method="PUT", body="text").text()')
    expect(seen.map(({ method, body }) => `${method} ${body}`)).toEqual(['POST {"a": 1}', 'PUT text'])
    expect(seen[0]?.headers).toMatchObject({ 'content-type': 'application/json', 'x-one': '1' })
  })

  test('overlaps in its awaited form', async () => {
    const source = `import asyncio
found = await asyncio.gather(*(fetch.aio(base + f"/{n}") for n in range(5)))
[r.text() for r in found]`
    expect(await valueOf(source)).toEqual([0, 1, 2, 3, 4].map((n) => `GET /${n} `))
  })

  test('follows redirects, each decided on anew', async () => {
    expect(await valueOf('r = fetch(base + "/moved")\n[r.json(), r.redirected]')).toEqual([{ a: [1, 2] }, true])
    const denied = await fetching('fetch(base + "/away")')
    expect(denied.error?.code).toBe('TOKA_DENIED')
    expect(denied.denials[0]?.resource).toContain('b.test')
  })

  test('of another host is denied, as a PermissionError with a code', async () => {
    const source = 'try:\n    fetch("http://b.test/")\nexcept PermissionError as e:\n    told = e.code\ntold'
    expect(await valueOf(source)).toBe('TOKA_DENIED')
    expect(seen).toEqual([])
  })
})

describe.each([undefined, 'worker', 'worker that cannot suspend'] as const)('a body to send (%s)', (way) => {
  test('may have as many bytes as a value that crosses, and one more is the guest’s mistake', async () => {
    const source = `told = []
for size in [150_000, *range(199_800, 200_001, 10)]:
    try:
        told.append(len(fetch(base + "/p", method="POST", body=b"x" * size).bytes()) - len("POST /p ") == size)
    except TokaError as e:
        told.append(e.code)
sorted({str(t) for t in told}), told[0], told[-1]`
    const options = { ...(way ? { way } : {}), limits: { flatBytes: 200_000 } }
    expect(await valueOf(source, options)).toEqual([['TOKA_VALUE_SIZE', 'True'], true, 'TOKA_VALUE_SIZE'])
  })
})

describe('urllib.request', () => {
  test('opens URLs, with headers and a body', async () => {
    const source = `with urllib.request.urlopen(base + "/x") as r:
    got = [r.status, r.headers["X-Two"], r.read().decode(), r.geturl().startswith(base)]
q = urllib.request.Request(base + "/p", data=b"a=1", headers={"User-Agent": "me"})
got + [urllib.request.urlopen(q).read().decode()]`
    expect(await valueOf(source)).toEqual([200, '1', 'GET /x ', true, 'POST /p a=1'])
    expect(seen.at(-1)?.headers).toMatchObject({
      'user-agent': 'me',
      'content-type': 'application/x-www-form-urlencoded',
    })
  })

  test('reads line by line and in pieces, follows redirects, and raises HTTPError', async () => {
    const source = `import json
r = urllib.request.urlopen(base + "/large")
sizes = [len(r.read(10)), len(r.read())]
try:
    urllib.request.urlopen(base + "/missing")
except urllib.error.HTTPError as e:
    told = [e.code, e.read().decode()]
[sizes, told, json.load(urllib.request.urlopen(base + "/moved"))]`
    expect(await valueOf(source)).toEqual([[10, 999_990], [404, 'not here'], { a: [1, 2] }])
  })

  test('of another host raises URLError, whose reason is the denial', async () => {
    const source = `try:
    urllib.request.urlopen("http://b.test/")
except urllib.error.URLError as e:
    told = [type(e.reason).__name__, e.reason.code]
told`
    expect(await valueOf(source)).toEqual(['Denied', 'TOKA_DENIED'])
  })

  test('retrieves into a file of the sandbox', async () => {
    const source = 'urllib.request.urlretrieve(base + "/json", "/tmp/a.json")\nopen("/tmp/a.json").read()'
    expect(await valueOf(source)).toBe('{"a": [1, 2]}')
  })
})

describe('where the thread waits for its guest', () => {
  const way = 'worker that cannot suspend'
  const until = async (so: () => boolean): Promise<void> => {
    for (let left = 500; left > 0 && !so(); left--) await new Promise((resolve) => setTimeout(resolve, 10))
  }

  test('requests overlap with each other and with sleeps, each hop decided on', async () => {
    const source = `import asyncio
async def one(path):
    try:
        return (await fetch.aio(base + path)).text()
    except TokaError as e:
        return e.code
await asyncio.gather(one("/a"), one("/moved"), one("/away"), asyncio.sleep(0.01, "slept"), one("/b"))`
    expect(await valueOf(source, { way })).toEqual(['GET /a ', '{"a": [1, 2]}', 'TOKA_DENIED', 'slept', 'GET /b '])
  })

  test('a body is read piece by piece, and no further than it is wanted', async () => {
    const source = `pieces = fetch(base + "/endless").chunks()
sizes = [len(next(pieces)) for _ in range(20)]
[len(sizes), max(sizes) <= 262_144]`
    expect(await valueOf(source, { way })).toEqual([20, true])
    await until(() => closed === 1)
    expect(closed).toBe(1)
  })

  test.each([
    ['a request that is never answered', 'fetch(base + "/never")'],
    ['begun requests that are never answered', 'import asyncio\nawait asyncio.gather(fetch.aio(base + "/never"))'],
    ['a body without end', 'for _ in fetch(base + "/endless").chunks(): pass'],
  ])('%s ends with the run, and its connection with it', async (_name, source) => {
    const late = await fetching(source, { way, limits: { timeoutMs: 400 } })
    expect(late.error?.code).toBe('TOKA_LIMIT_TIME')
    await until(() => closed === 1)
    const stop = new AbortController()
    const running = fetching(source, { way, signal: stop.signal })
    await until(() => seen.length === 2)
    stop.abort()
    expect((await running).status).toBe('cancelled')
    await until(() => closed === 2)
    expect([seen.length, closed]).toEqual([2, 2])
    expect(await valueOf('fetch(base + "/json").json()', { way })).toEqual({ a: [1, 2] })
  })

  test('what is granted by bytes is charged piece by piece', async () => {
    const source = `try:
    fetch(base + "/large").bytes()
except TokaError as e:
    told = e.code
told`
    expect(await valueOf(source, { way, quota: { bytes: 500_000 } })).toBe('TOKA_DENIED')
  })
})
