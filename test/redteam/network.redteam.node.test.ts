/** Hostile guests against the network: whatever is not granted is not connected to, however it is spelled, looked up or redirected. */
import { describe, expect, test } from 'vitest'
import { type GrantInput, parseRule } from '../../src/index.ts'
import { all, grant, handlers, outcomes, port, run, seen } from '../network-world.node.ts'

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

  test('a denial of another method than GET names the rule that allows it, from both threads', async () => {
    const origin = `http://127.0.0.1:${port}`
    const post = [`${origin}/a/b`, { method: 'POST', body: 'x' }]
    for (const isolation of ['inline', 'worker'] as const) {
      const { denials } = await run([post], { isolation, grants: [parseRule(`net.fetch=${origin}/**`)] })
      const rule = `net.fetch=POST ${origin}/a/**`
      expect(denials).toMatchObject([{ reason: 'no-grant', method: 'POST', allow: `--allow '${rule}'` }])
      expect((await run([post], { isolation, grants: [parseRule(rule)] })).value).toEqual([[200, 'POST /a/b']])
    }
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
  ])('a host that leads to %s is not connected to, unless its network is granted (CVE-2026-49860)', async (address) => {
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
