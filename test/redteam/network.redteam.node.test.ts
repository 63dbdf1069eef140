/** Hostile servers and hostile guests: whatever is not granted is not connected to, and what is granted is bounded. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createToka, type GrantInput, type RunResult, type SandboxOptions, type Toka } from '../../src/index.ts'
import { openSecurity, rules } from '../security-world.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void
const LOOPBACK = ['127.0.0.0/8', '::1/128']

let server: Server
let port = 0
let connections = 0
const seen: { url: string; headers: IncomingMessage['headers']; method: string }[] = []
const handlers: Record<string, Handler> = {}
let toka: Toka

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

const grant = (more: Partial<Extract<GrantInput, { resource: 'net' }>> = {}): GrantInput => ({
  resource: 'net',
  actions: ['fetch'],
  schemes: ['http'],
  hosts: ['a.test'],
  ports: [port],
  cidrs: LOOPBACK,
  ...more,
})
const lookup = async () => ['127.0.0.1']
const FETCH = `export default async (urls) => { const out = []; for (const [url, init] of urls) { try { const r = await fetch(url, init); out.push([r.status, await r.text()]) } catch (e) { out.push(e.code ?? e.name) } } return out }`

const run = (urls: unknown[], options: Partial<SandboxOptions> = {}, source = FETCH): Promise<RunResult> =>
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
async function outcomes(urls: unknown[], options?: Partial<SandboxOptions>) {
  const before = connections
  const result = await run(urls, options)
  return { value: result.value as unknown[], connected: connections - before, denials: result.denials, result }
}
const all = (count: number) => Array<string>(count).fill('TOKA_DENIED')

describe('where a request goes', () => {
  test('what is granted is reached', async () => {
    const { value, connected } = await outcomes([`http://a.test:${port}/x?y=1#z`, [`http://A.TEST:${port}/%41`]])
    expect(value).toEqual([
      [200, 'GET /x?y=1'],
      [200, 'GET /A'],
    ])
    expect(connected).toBe(2)
    expect(seen.at(-1)?.headers.host).toBe(`a.test:${port}`)
  })

  test('no form of an address that is not granted is connected to', async () => {
    const forms = [
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f000001',
      '0177.0.0.1',
      '0x7f.1',
      '127.0.0.1.',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      '0',
      '0.0.0.0',
      'localhost',
      'a.test.',
      'b.test',
      'a.test.evil.test',
      'a。test',
      'ａ.test%2eevil',
      'xn--a-ecp.test',
      'а.test',
    ]
    const { value, connected } = await outcomes(
      forms.map((host) => `http://${host}:${port}/`),
      {
        network: { lookup: async () => ['127.0.0.1'] },
        grants: [grant({ hosts: ['a.test'], paths: ['/granted'] })],
      },
    )
    expect(value).toEqual(all(forms.length))
    expect(connected).toBe(0)
  })

  test('a host that is an address needs its network granted, however it is written', async () => {
    const hosts = ['127.0.0.1', '[::1]', '[::ffff:7f00:1]']
    const urls = [`http://127.1:${port}/`, `http://0x7f000001:${port}/`, `http://[::ffff:127.0.0.1]:${port}/`]
    const closed = await outcomes(urls, {
      grants: [{ resource: 'net', actions: ['fetch'], schemes: ['http'], hosts, ports: [port] }],
    })
    expect(closed.value).toEqual(all(3))
    expect(closed.connected).toBe(0)
    const open = await outcomes(urls, { grants: [grant({ hosts })] })
    expect(open.value).toEqual(Array(3).fill([200, 'GET /']))
  })

  test('credentials, other schemes, ports, methods and encoded separators are refused', async () => {
    const urls = [
      `http://user@a.test:${port}/`,
      `http://user:pw@a.test:${port}/`,
      `https://a.test:${port}/`,
      `ws://a.test:${port}/`,
      'file:///etc/passwd',
      'data:text/plain,x',
      'javascript:1',
      `http://a.test:${port + 1}/`,
      'http://a.test/',
      `http://a.test:${port}/..%2fx`,
      `http://a.test:${port}/a%5cb`,
      `http://a.test:${port}/%00`,
      `http://a.test:${port}/%252e`,
      `http://a.test:${port}/a%0d%0ab`,
      'not a url',
      '',
      [`http://a.test:${port}/`, { method: 'POST' }],
      [`http://a.test:${port}/`, { method: 'CONNECT' }],
      [`http://a.test:${port}/`, { method: 'TRACE' }],
      [`http://a.test:${port}/`, { method: 'get\r\nx: y' }],
    ]
    const { value, connected } = await outcomes(urls)
    expect(value).toEqual(all(urls.length))
    expect(connected).toBe(0)
  })

  test('a path outside of a grant is refused in every spelling', async () => {
    const paths = ['/v2/x', '/v1/../v2', '/v1/%2e%2e/v2', '/v1/.%2E/v2', '/V1/x', '//v1/x', '/v1', '/%76%31x']
    const { value } = await outcomes(
      paths.map((path) => `http://a.test:${port}${path}`),
      { grants: [grant({ paths: ['/v1/*'] })] },
    )
    expect(value).toEqual(all(paths.length))
    const { value: good } = await outcomes(
      [`http://a.test:${port}/v1/x`, `http://a.test:${port}/%76%31/x`, `http://a.test:${port}/v2/../v1/y`],
      { grants: [grant({ paths: ['/v1/*'] })] },
    )
    expect(good).toEqual([
      [200, 'GET /v1/x'],
      [200, 'GET /v1/x'],
      [200, 'GET /v1/y'],
    ])
  })
})

describe('names', () => {
  test.each([
    ['127.0.0.1'],
    ['::1'],
    ['::ffff:127.0.0.1'],
    ['10.0.0.8'],
    ['169.254.169.254'],
    ['fe80::1'],
    ['100.64.0.1'],
    ['0.0.0.0'],
    ['64:ff9b::7f00:1'],
  ])('a host that leads to %s is not connected to, unless its network is granted', async (address) => {
    const grants = [grant()].map(({ cidrs: _, ...rest }: GrantInput & { cidrs?: unknown }) => rest as GrantInput)
    const { value, connected, denials } = await outcomes([`http://a.test:${port}/`], {
      grants,
      network: { lookup: async () => [address] },
    })
    expect(value).toEqual(['TOKA_DENIED'])
    expect(connected).toBe(0)
    expect(denials[0]).toMatchObject({ operation: 'net.fetch', reason: 'no-grant' })
  })

  test('a name that changes between looking and connecting is connected to where it was looked up', async () => {
    let looked = 0
    const rebinding = async () => (++looked % 2 === 1 ? ['127.0.0.1'] : ['10.255.255.1'])
    const { value } = await outcomes([`http://a.test:${port}/`], { network: { lookup: rebinding, timeoutMs: 2_000 } })
    expect(value).toEqual([[200, 'GET /']])
    expect(looked).toBe(1)
    // The second request looks anew, and is decided anew.
    const again = await outcomes([`http://a.test:${port}/`], { network: { lookup: rebinding, timeoutMs: 2_000 } })
    expect(again.value).toEqual(['TOKA_DENIED'])
    expect(again.connected).toBe(0)
  })

  test('of several addresses only one that is granted is used', async () => {
    const { value } = await outcomes([`http://a.test:${port}/`], {
      network: { lookup: async () => ['169.254.169.254', '10.0.0.1', '127.0.0.1'] },
    })
    expect(value).toEqual([[200, 'GET /']])
  })

  test('a host that no grant covers is never looked up: its labels would carry data out', async () => {
    const asked: string[] = []
    const spying = async (host: string) => {
      asked.push(host)
      return ['127.0.0.1']
    }
    await outcomes([`http://secret.evil.test:${port}/`, `http://a.test:${port}/closed`, `http://a.test:1/`], {
      network: { lookup: spying },
      grants: [grant({ paths: ['/open'] })],
    })
    expect(asked).toEqual([])
  })

  test('what a resolver answers is checked', async () => {
    const { value } = await outcomes([`http://a.test:${port}/`], {
      network: { lookup: async () => ['evil.test', '127.1', ''] },
    })
    expect(value).toEqual(['TOKA_NET_FAILED'])
    const { value: thrown } = await outcomes([`http://a.test:${port}/`], {
      network: { lookup: async () => Promise.reject(new Error('/etc/hosts')) },
    })
    expect(thrown).toEqual(['TOKA_NET_FAILED'])
  })
})

describe('redirects', () => {
  test('each hop is decided on as if it were asked for', async () => {
    const targets: Record<string, string> = {
      '/to-metadata': 'http://169.254.169.254/latest/meta-data/',
      '/to-loopback': `http://127.0.0.1:${port}/private`,
      '/to-port': `http://a.test:${port + 1}/`,
      '/to-host': `http://b.test:${port}/`,
      '/to-file': 'file:///etc/passwd',
      '/to-user': `http://x@a.test:${port}/`,
      '/to-scheme': `//b.test:${port}/x`,
    }
    for (const [path, location] of Object.entries(targets))
      handlers[path] = (_, response) => void response.writeHead(302, { location }).end()
    handlers['/to-good'] = (_, response) => void response.writeHead(301, { location: '/good' }).end()
    const before = seen.length
    const { value } = await outcomes(
      [...Object.keys(targets), '/to-good'].map((path) => `http://a.test:${port}${path}`),
    )
    expect(value).toEqual([...all(7), [200, 'GET /good']])
    expect(seen.slice(before).map(({ url }) => url)).not.toContain('/private')
  })

  test('a loop ends, and a guest may ask for none or for the answer itself', async () => {
    handlers['/loop'] = (_, response) => void response.writeHead(302, { location: '/loop' }).end()
    const before = seen.length
    const { value } = await outcomes([
      `http://a.test:${port}/loop`,
      [`http://a.test:${port}/loop`, { redirect: 'error' }],
      [`http://a.test:${port}/loop`, { redirect: 'manual' }],
    ])
    expect(value).toEqual(['TOKA_NET_FAILED', 'TOKA_NET_FAILED', [302, '']])
    expect(seen.length - before).toBe(23)
  })

  test('what is for one origin does not go to another, and a POST becomes a GET without its body', async () => {
    handlers['/leave'] = (_, response) =>
      void response.writeHead(303, { location: `http://b.test:${port}/arrived` }).end()
    const headers = { authorization: 'Bearer mine', cookie: 'a=b', 'x-kept': '1', 'content-type': 'text/x' }
    const { value } = await outcomes([[`http://a.test:${port}/leave`, { method: 'POST', body: 'data', headers }]], {
      grants: [grant({ hosts: ['*.test'], methods: ['GET', 'POST'] })],
    })
    expect(value).toEqual([[200, 'GET /arrived']])
    expect(seen.at(-1)?.headers).toMatchObject({ 'x-kept': '1' })
    expect(Object.keys(seen.at(-1)?.headers ?? {})).not.toEqual(expect.arrayContaining(['authorization']))
    for (const name of ['authorization', 'cookie', 'content-type', 'content-length'])
      expect(seen.at(-1)?.headers[name]).toBeUndefined()
  })
})

describe('what a guest sends', () => {
  test("no header injects another, and those of the connection are not a guest's", async () => {
    const bad = [
      ['x', 'a\r\nevil: 1'],
      ['x\r\ny', '1'],
      ['x y', '1'],
      ['x', 'a\u0000b'],
      ['x', 'ü\u0100'],
    ]
    const forbidden = [
      'host',
      'connection',
      'content-length',
      'transfer-encoding',
      'upgrade',
      'te',
      'expect',
      'proxy-authorization',
      'via',
    ]
    const source = `export default async ([pairs, names]) => { const out = []; const go = async (headers) => { try { await fetch('http://a.test:${port}/h', { headers }); return 'sent' } catch (e) { return e.code ?? e.name } }
      for (const pair of pairs) out.push(await go([pair])); for (const name of names) out.push(await go({ [name]: 'x' })); return out }`
    const result = await toka.run({
      language: 'javascript',
      file: '/t.mjs',
      source,
      input: [bad, forbidden],
      grants: [grant()],
      network: { lookup },
    })
    expect(result.value).toEqual([...Array(5).fill('TypeError'), ...Array(forbidden.length).fill('EINVAL')])
  })

  test('raw calls past fetch meet the same checks', async () => {
    const source = `const call = (name, input) => { try { return tools[name] } catch (e) { return e.code ?? e.name } }
      export default [call('toka:fetch'), call('toka:network'), call('toka:approve')].map((one) => typeof one)`
    const result = await toka.run({
      language: 'javascript',
      file: '/t.mjs',
      source,
      grants: [grant(), { resource: 'tool', actions: ['call'], names: ['toka:network', 'toka:fetch'] }],
      network: { lookup },
    })
    expect((result.value as string[]).every((type) => type !== 'function')).toBe(true)
  })

  test('a secret goes to its origin alone, is never seen, and cannot be replaced', async () => {
    handlers['/echo'] = (request, response) =>
      void response
        .setHeader('x-auth', String(request.headers.authorization))
        .end(`got ${request.headers.authorization} twice ${request.headers.authorization}`)
    handlers['/away'] = (_, response) => void response.writeHead(302, { location: `http://b.test:${port}/echo` }).end()
    const secrets = [{ origin: `http://a.test:${port}`, header: 'Authorization', value: 'Bearer k3y' }]
    const source = `export default async ([a, b]) => { const one = await fetch(a, { headers: { authorization: 'mine' } }); const two = await fetch(b); return [one.headers.get('x-auth'), await one.text(), await two.text()] }`
    const result = await toka.run({
      language: 'javascript',
      file: '/t.mjs',
      source,
      input: [`http://a.test:${port}/echo`, `http://a.test:${port}/away`],
      grants: [grant({ hosts: ['*.test'] })],
      network: { lookup },
      secrets,
    })
    expect(result.value).toEqual(['**********', 'got ********** twice **********', 'got undefined twice undefined'])
    expect(seen.filter(({ headers }) => headers.authorization === 'Bearer k3y').length).toBe(2)
  })

  test('a tool gets an argument that its guest neither sets nor sees', async () => {
    const { defineTool } = await import('../../src/index.ts')
    const { z } = await import('zod')
    const keys: string[] = []
    const tool = defineTool({
      name: 'pay',
      description: 'p',
      input: z.strictObject({ sum: z.number(), key: z.string() }),
      readOnly: false,
      run: ({ key }) => void keys.push(key),
    })
    const result = await toka.run({
      language: 'javascript',
      file: '/t.mjs',
      source: 'await tools.pay({ sum: 1 }); await tools.pay({ sum: 1, key: "mine" }); export default 1',
      tools: [tool],
      grants: rules('tool.call=pay'),
      secrets: [{ tool: 'pay', argument: 'key', value: 'real' }],
    })
    expect(result.value).toBe(1)
    expect(keys).toEqual(['real', 'real'])
  })
})

describe('what a server sends', () => {
  test('bombs, floods and silence end by their bounds', async () => {
    handlers['/gzip'] = (_, response) =>
      void response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(64 * 2 ** 20)))
    handlers['/flood'] = (_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
        if (!response.destroyed) response.once('drain', more)
      }
      more()
    }
    handlers['/headers'] = (_, response) => void response.setHeader('x', 'y'.repeat(70_000)).end()
    handlers['/silence'] = () => {}
    handlers['/stall'] = (_, response) => void response.write('begin')
    handlers['/cut'] = (_, response) => {
      response.setHeader('content-length', '100').write('some')
      setTimeout(() => response.destroy(), 20)
    }
    handlers['/broken'] = (_, response) => void response.setHeader('content-encoding', 'gzip').end('not gzip')
    const begun = performance.now()
    const { value } = await outcomes(
      ['/gzip', '/flood', '/headers', '/silence', '/stall', '/cut', '/broken'].map(
        (path) => `http://a.test:${port}${path}`,
      ),
      {
        network: { lookup, responseBytes: 2 ** 20, timeoutMs: 300, idleTimeoutMs: 300 },
      },
    )
    expect(value).toEqual([
      'TOKA_NET_SIZE',
      'TOKA_NET_SIZE',
      'TOKA_NET_FAILED',
      'TOKA_NET_TIMEOUT',
      'TOKA_NET_TIMEOUT',
      'TOKA_NET_FAILED',
      'TOKA_NET_FAILED',
    ])
    expect(performance.now() - begun).toBeLessThan(10_000)
  }, 30_000)

  test('a body is read as it comes, and no further than it is read', async () => {
    let sent = 0
    handlers['/stream'] = (_, response) => {
      const timer = setInterval(() => {
        sent++
        response.write(`piece ${sent};`)
      }, 10)
      response.on('close', () => clearInterval(timer))
    }
    const source = `const r = await fetch('http://a.test:${port}/stream'); let text = ''; for await (const piece of r.body) { text += String.fromCharCode(...piece); if (text.includes('3;')) break } export default text`
    const result = await toka.run({
      language: 'javascript',
      file: '/t.mjs',
      source,
      grants: [grant()],
      network: { lookup },
    })
    expect(result.value).toContain('piece 1;piece 2;piece 3;')
    const after = sent
    await new Promise((done) => setTimeout(done, 100))
    expect(sent).toBeLessThanOrEqual(after + 2)
  })

  test("at most so many requests are under way, and a run's end closes its bodies", async () => {
    let open = 0
    handlers['/hold'] = (_, response) => {
      open++
      response.on('close', () => open--)
      response.write('x')
    }
    const source = `export default (await Promise.all(Array.from({ length: 9 }, () => fetch('http://a.test:${port}/hold').then((r) => r.status, (e) => e.code)))).sort()`
    const result = await toka.run({
      language: 'javascript',
      file: '/t.mjs',
      source,
      grants: [grant()],
      network: { lookup, concurrent: 4 },
    })
    expect(result.value).toEqual([...Array(4).fill(200), ...Array(5).fill('TOKA_NET_FAILED')])
    await new Promise((done) => setTimeout(done, 100))
    expect(open).toBe(0)
  })

  test('a switch of protocols and an answer before the request are no answers', async () => {
    handlers['/switch'] = (request) =>
      void request.socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n')
    const { value } = await outcomes([`http://a.test:${port}/switch`], { network: { lookup, timeoutMs: 1_000 } })
    expect(['TOKA_NET_FAILED', 'TOKA_NET_TIMEOUT']).toContain(value[0])
  })
})

describe('conditions', () => {
  test('calls and bytes are charged, redirects and bodies too', async () => {
    handlers['/ten'] = (_, response) => void response.end('0123456789')
    handlers['/hop'] = (_, response) => void response.writeHead(302, { location: '/ten' }).end()
    const calls = await outcomes(
      ['/hop', '/ten', '/ten'].map((path) => `http://a.test:${port}${path}`),
      { grants: [grant({ quota: { calls: 3 } })] },
    )
    expect(calls.value).toEqual([[200, '0123456789'], [200, '0123456789'], 'TOKA_DENIED'])
    const bytes = await outcomes(
      [
        [`http://a.test:${port}/ten`, { method: 'POST', body: '12345' }],
        `http://a.test:${port}/ten`,
        `http://a.test:${port}/ten`,
      ],
      { grants: [grant({ quota: { bytes: 25 }, methods: ['GET', 'POST'] })] },
    )
    expect(bytes.value.slice(0, 2)).toEqual([
      [200, '0123456789'],
      [200, '0123456789'],
    ])
    expect(bytes.value[2]).toBe('TOKA_DENIED')
    expect(bytes.result.usage).toMatchObject({ bytesWritten: 5 })
  })

  test('a request that wants approval waits for it, and is not sent without', async () => {
    const asked: string[] = []
    const { value, connected } = await outcomes([`http://a.test:${port}/yes`, `http://a.test:${port}/no`], {
      grants: [grant({ approval: 'required' })],
      onApproval: ({ resource, method }) => {
        asked.push(`${method} ${resource}`)
        return resource.endsWith('/yes')
      },
    })
    expect(value).toEqual([[200, 'GET /yes'], 'TOKA_DENIED'])
    expect(asked).toEqual([`GET http://a.test:${port}/yes`, `GET http://a.test:${port}/no`])
    expect(connected).toBe(1)
  })

  test('a token that is revoked ends a body in the middle', async () => {
    handlers['/long'] = (_, response) => {
      const timer = setInterval(() => response.write('x'.repeat(100)), 5)
      response.on('close', () => clearInterval(timer))
    }
    const { security } = await openSecurity({ clock: { now: () => Date.now() }, pollMs: 20 })
    const own = await createToka({ cache: false, security })
    const { token, jti } = await security.mint({ grants: [grant()] })
    const source = `let n = 0; const r = await fetch('http://a.test:${port}/long'); for await (const piece of r.body) n += piece.length; export default n`
    const sandbox = await own.open({ language: 'javascript', token, network: { lookup } })
    const running = sandbox.run({ file: '/t.mjs', source })
    setTimeout(() => void security.revoke(jti), 200)
    expect(await running).toMatchObject({ status: 'cancelled', error: { code: 'TOKA_TOKEN_REVOKED' } })
    await own.dispose()
  })

  test('after a secret was read no request leaves', async () => {
    const grants: GrantInput[] = [
      { resource: 'fs', actions: ['read'], paths: ['/s/**'], flow: { raises: 'secret' } },
      grant({ flow: { forbiddenAfter: 'secret' } }),
    ]
    const source = `const go = () => fetch('http://a.test:${port}/').then((r) => r.status, (e) => e.code); const one = await go(); require('fs').readFileSync('/s/key'); export default [one, await go()]`
    const result = await toka.run({
      language: 'javascript',
      file: '/t.mjs',
      source,
      grants,
      network: { lookup },
      mounts: [{ at: '/s', from: { files: { key: 'k' } }, mode: 'ro' }],
    })
    expect(result.value).toEqual([200, 'TOKA_DENIED'])
    expect(result.denials[0]).toMatchObject({ reason: 'flow' })
  })
})

test('in a worker the same holds', async () => {
  handlers['/w-away'] = (_, response) => void response.writeHead(302, { location: 'http://169.254.169.254/' }).end()
  const result = await run([`http://a.test:${port}/ok`, `http://a.test:${port}/w-away`, `http://b.test:${port}/`], {
    isolation: 'worker',
  })
  expect(result.value).toEqual([[200, 'GET /ok'], 'TOKA_DENIED', 'TOKA_DENIED'])
})
