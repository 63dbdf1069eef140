/** Hostile servers and what guests send them: headers, secrets, bodies and floods are bounded, charged, and end with their run. */
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createToka, defineTool, type GrantInput } from '../../src/index.ts'
import { grant, handlers, lookup, outcomes, port, run, seen, toka } from '../network-world.node.ts'
import { openSecurity, rules } from '../security-world.ts'

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
    const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20))
    handlers['/gzip'] = (_, response) => void response.setHeader('content-encoding', 'gzip').end(bomb)
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
        network: { lookup, responseBytes: 2 ** 20, timeoutMs: 1_000, idleTimeoutMs: 1_000 },
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

test('a run that ends with bodies open and as many tools under way as may be ends alone', async () => {
  handlers['/open'] = (_, response) => void response.write('begun')
  const own = await createToka({ cache: false, isolation: 'worker', workers: 1 })
  const never = defineTool({
    name: 'never',
    description: '',
    input: z.object({}),
    run: (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)),
  })
  const neighbour = await own.open({ language: 'javascript' })
  await neighbour.run({ source: 'globalThis.kept = 7' })
  const ended = await own.run({
    language: 'javascript',
    file: '/t.mjs',
    source: `const open = await Promise.all([1, 2, 3].map(() => fetch('http://a.test:${port}/open'))); for (let i = 0; i < 4; i++) tools.never({}); await open[0].text()`,
    tools: [never],
    grants: [grant(), { resource: 'tool', actions: ['call'], names: ['never'] }],
    network: { lookup },
    limits: { concurrentCalls: 4, timeoutMs: 300 },
  })
  expect(ended.status).toBe('failed')
  expect((await neighbour.run({ source: 'kept' })).value).toBe(7)
  await own.dispose()
})
