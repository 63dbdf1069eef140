/** Bodies that guests send piece by piece: with backpressure, under their bounds, decided on at each piece, and closed with whatever ends them. */
import { describe, expect, test } from 'vitest'
import { createToka, type GrantInput, type SandboxOptions } from '../../src/index.ts'
import { tokaOf, WAYS, type Way } from '../isolations.ts'
import { grant, handlers, lookup, port, toka } from '../network-world.node.ts'
import { openSecurity } from '../security-world.ts'

const PIECE = 65_536
const post = (more: Partial<Extract<GrantInput, { resource: 'net' }>> = {}) => grant({ methods: ['POST'], ...more })

/** Bytes that a server has read of a body; whether its connection is open. */
type Heard = { bytes: number; open: number; ended: number; length: string | undefined }

/** A server's path that reads a body to its end, and answers its size. */
function hear(path: string): Heard {
  const heard: Heard = { bytes: 0, open: 0, ended: 0, length: undefined }
  handlers[path] = (request, response) => {
    heard.open++
    heard.length = request.headers['content-length']
    request.socket.on('close', () => heard.open--)
    request.on('data', (piece: Buffer) => (heard.bytes += piece.length))
    request.on('end', () => {
      heard.ended++
      response.end(String(heard.bytes))
    })
  }
  return heard
}

/** `pieces(count)`, which tells on the console how far it has come, and `send(path, body)`. */
const GUEST = (): string => `
  let given = 0, over = false
  async function* pieces(count, size = ${PIECE}) { try { while (given < count) { given++; yield new Uint8Array(size).fill(given) } } finally { over = true } }
  const send = (path, body, more) => fetch('http://a.test:${port}' + path, { method: 'POST', body, duplex: 'half', ...more })
  const told = (work) => work.then((r) => r.text(), (e) => e.code ?? e.name + ': ' + e.message)
`
const guest = (body: string): string => GUEST() + body.replaceAll('a.test:0', `a.test:${port}`)

async function running(source: string, options: Partial<SandboxOptions> = {}, way?: Way) {
  const on = way ? await tokaOf(way) : toka
  return on.run({
    language: 'javascript',
    file: '/t.mjs',
    source: guest(source),
    grants: [post()],
    network: { lookup },
    ...options,
  })
}

const closed = async (heard: Heard): Promise<number> => {
  for (let tries = 0; heard.open > 0 && tries < 100; tries++) await new Promise((done) => setTimeout(done, 20))
  return heard.open
}

describe.each(WAYS)('%s:', (way) => {
  test('a body that is larger than one request may be arrives whole, and its answer is read', async () => {
    const heard = hear('/whole')
    const result = await running(`export default [await told(send('/whole', pieces(160))), over]`, {}, way)
    expect(result.error).toBeUndefined()
    expect(result.value).toEqual([String(160 * PIECE), true])
    expect(heard).toMatchObject({ ended: 1, length: undefined })
    expect(result.usage.bytesWritten).toBe(160 * PIECE)
    expect(await closed(heard)).toBe(0)
  })

  test('a guest waits while its server does not read, and no piece is asked for meanwhile', async () => {
    let read = (): void => {}
    handlers['/slow'] = (request, response) => {
      read = () => {
        request.resume()
        request.on('end', () => response.end('read'))
      }
    }
    handlers['/go'] = (_, response) => {
      read()
      response.end()
    }
    const result = await running(
      `const work = told(send('/slow', pieces(512))); let seen = -1
       for (let same = 0; same < 10; same++) { if (seen !== given) same = 0; seen = given; await new Promise((done) => setTimeout(done, 40)) }
       await fetch('http://a.test:${port}/go')
       export default [seen, await work, given]`,
      { grants: [post({ methods: ['GET', 'POST'] })] },
      way,
    )
    expect(result.error).toBeUndefined()
    const [seen, answer, given] = result.value as [number, string, number]
    // What fits into the sockets of both sides, and then nothing.
    expect(seen).toBeLessThan(400)
    expect([answer, given]).toEqual(['read', 512])
  })

  test('a guest that never finishes its body ends with its time, and its connection is closed', async () => {
    const heard = hear('/never')
    const result = await running(
      `await told(send('/never', (async function* () { yield new Uint8Array(9); await new Promise((done) => setTimeout(done, 60_000)) })()))`,
      { limits: { timeoutMs: 500 } },
      way,
    )
    expect(result.error?.code).toBe('TOKA_LIMIT_TIME')
    expect(heard.ended).toBe(0)
    expect(await closed(heard)).toBe(0)
  })

  test('more than the quota of bytes is not sent, and what was not is not charged', async () => {
    const heard = hear('/quota')
    const result = await running(
      `export default [await told(send('/quota', pieces(9))), over, given]`,
      { grants: [post({ quota: { bytes: 3 * PIECE + 10 } })] },
      way,
    )
    expect(result.value).toEqual(['TOKA_DENIED', true, 4])
    expect(result.denials[0]).toMatchObject({ operation: 'net.fetch', reason: 'quota' })
    expect(result.usage.bytesWritten).toBe(3 * PIECE)
    expect(heard.bytes).toBeLessThanOrEqual(3 * PIECE)
    expect(heard.ended).toBe(0)
    expect(await closed(heard)).toBe(0)
  })

  test('a request without an answer that is aborted frees its slot at once, and its connection closes', async () => {
    let open = 0
    handlers['/unanswered'] = (request) => {
      open++
      // A server that does not read does not see a connection close either.
      request.resume()
      request.socket.on('close', () => open--)
    }
    const result = await running(
      `const aborted = async (init) => { const stop = new AbortController(); setTimeout(() => stop.abort(), 30); return told(fetch('http://a.test:${port}/unanswered', { ...init, signal: stop.signal })) }
       export default [await aborted(), await aborted({ method: 'POST', body: 'x' }), await aborted({ method: 'POST', body: pieces(1), duplex: 'half' }), await told(fetch('http://a.test:${port}/there'))]`,
      { grants: [post({ methods: ['GET', 'POST'] })], network: { lookup, concurrent: 1 } },
      way,
    )
    // The code of an AbortError.
    expect(result.value).toEqual([20, 20, 20, 'GET /there'])
    for (let tries = 0; open > 0 && tries < 100; tries++) await new Promise((done) => setTimeout(done, 20))
    expect(open).toBe(0)
  })
})

describe('what ends a body', () => {
  test('its own bound, and a server that does not read in time', async () => {
    const heard = hear('/bound')
    handlers['/idle'] = () => {}
    const result = await running(
      `const bound = await told(send('/bound', pieces(40)))
       given = 0
       export default [bound, await told(send('/idle', pieces(2000)))]`,
      { network: { lookup, requestBytes: 20 * PIECE, idleTimeoutMs: 300 } },
    )
    expect(result.value).toEqual(['TOKA_NET_SIZE', expect.stringMatching(/TOKA_NET_(?:TIMEOUT|SIZE)/)])
    expect(await closed(heard)).toBe(0)
    const silent = await running(`export default await told(send('/idle', pieces(2000)))`, {
      network: { lookup, idleTimeoutMs: 300 },
    })
    expect(silent.value).toBe('TOKA_NET_TIMEOUT')
  })

  test('a server that cuts the connection, and one that never answers', async () => {
    handlers['/cut'] = (request) => void request.once('data', () => request.socket.destroy())
    handlers['/mute'] = (request) => void request.resume()
    const result = await running(
      `const cut = await told(send('/cut', pieces(400))); given = 0; over = false
       export default [cut, await told(send('/mute', pieces(4))), over]`,
      { network: { lookup, timeoutMs: 300 } },
    )
    expect(result.value).toEqual(['TOKA_NET_FAILED', 'TOKA_NET_TIMEOUT', true])
  })

  test('an answer of an error, which is delivered: nothing more is sent, and the guest is told to end', async () => {
    handlers['/refuse'] = (request, response) => {
      request.once('data', () => response.writeHead(413).write('too large'))
      // A server that closes with bytes unread resets the connection, and its answer may be lost with it.
      request.resume()
      setTimeout(() => response.end(), 200)
    }
    const result = await running(
      `const answer = await send('/refuse', pieces(4000)); export default [answer.status, await answer.text(), over, given < 4000]`,
    )
    expect(result.value).toEqual([413, 'too large', true, true])
  })

  test('an answer of an error by a server that goes on reading: no more is sent than was on its way', async () => {
    let bytes = 0
    handlers['/enough'] = (request, response) => {
      let end: NodeJS.Timeout | undefined
      request.on('data', (piece: Buffer) => {
        if (!response.headersSent) response.writeHead(403).write('enough')
        bytes += piece.length
        // When nothing has come for a while, or far too much.
        clearTimeout(end)
        if (bytes > 600 * PIECE) response.end()
        else end = setTimeout(() => response.end(), 300)
      })
    }
    const result = await running(
      `const answer = await send('/enough', pieces(4000)); export default [answer.status, await answer.text(), over, given]`,
    )
    expect(result.value).toEqual([403, 'enough', true, expect.any(Number)])
    expect(bytes).toBeLessThan(400 * PIECE)
  })

  test('the guest itself: by an error in its body, by a signal, by a piece that is no bytes', async () => {
    const heard = hear('/given-up')
    const result = await running(
      `const stop = new AbortController()
       async function* broken() { yield new Uint8Array(3); throw new RangeError('mine') }
       async function* text() { try { yield 'text' } finally { over = true } }
       async function* stopped() { yield new Uint8Array(3); stop.abort(); yield new Uint8Array(3) }
       export default [await told(send('/given-up', broken())), await told(send('/given-up', text())), over, await told(send('/given-up', stopped(), { signal: stop.signal }))]`,
    )
    expect(result.value).toEqual([
      'RangeError: mine',
      'TypeError: The pieces of a body must be Uint8Array',
      true,
      // The code of an AbortError.
      20,
    ])
    expect(heard.ended).toBe(0)
    expect(await closed(heard)).toBe(0)
  })

  test('a connection that ends before its answer gives its slot back at once, while its guest still makes the body', async () => {
    handlers['/dies'] = (request) => void request.socket.destroy()
    const result = await running(
      `let go; const gate = new Promise((done) => (go = done))
       async function* slow() { yield new Uint8Array(3); await gate; yield new Uint8Array(3) }
       const dying = [told(send('/dies', slow())), told(fetch('http://b.test:1/', { method: 'POST', body: slow(), duplex: 'half' }))]
       await new Promise((done) => setTimeout(done, 200))
       const others = await Promise.all([told(fetch('http://a.test:${port}/one')), told(fetch('http://a.test:${port}/two'))])
       go()
       export default [others, await Promise.all(dying)]`,
      {
        grants: [post({ methods: ['GET', 'POST'] }), post({ hosts: ['b.test'], ports: [1] })],
        network: { lookup, concurrent: 2 },
      },
    )
    expect(result.value).toEqual([
      ['GET /one', 'GET /two'],
      ['TOKA_NET_FAILED', 'TOKA_NET_FAILED'],
    ])
  })

  test('its slot is free again, whichever way it ended', async () => {
    hear('/slots')
    const freed = await running(
      `async function* broken() { yield new Uint8Array(3); throw new RangeError('mine') }
       const out = []
       for (let i = 0; i < 5; i++) { given = 0; out.push(await told(send('/slots', broken())), typeof await told(send('/slots', pieces(1)))) }
       export default out`,
      { network: { lookup, concurrent: 1 } },
    )
    expect(freed.value).toEqual(Array(5).fill(['RangeError: mine', 'string']).flat())
  })

  test('the end of its run, which leaves none of a sandbox’s handles taken, however many it left open', async () => {
    const sandbox = await toka.open({
      language: 'javascript',
      grants: [post()],
      network: { lookup, concurrent: 300 },
      limits: { concurrentCalls: 300 },
    })
    handlers['/left'] = (request) => void request.resume()
    // 1,024 is what a sandbox has.
    const source = `${GUEST()}
      const waiting = async function* () { open++; await new Promise(() => {}) }
      let open = 0
      for (let n = 0; n < 280; n++) void told(send('/left', waiting()))
      while (open < 280) await new Promise((done) => setTimeout(done, 5))
      process.exit(0)`
    for (let round = 0; round < 4; round++) expect((await sandbox.run({ file: '/t.mjs', source })).exitCode).toBe(0)
    const last = await sandbox.run({
      file: '/t.mjs',
      source: `${GUEST()} export default await told(send('/there', pieces(1)))`,
    })
    expect(last.value).toBe('POST /there')
    await sandbox.dispose()
  })
})

describe('redirects', () => {
  test('a body that was sent in pieces is not sent again: only 303 is followed', async () => {
    for (const status of [301, 302, 303, 307, 308])
      handlers[`/r${status}`] = (request, response) => {
        request.resume()
        request.on('end', () => void response.writeHead(status, { location: '/there' }).end())
      }
    const result = await running(
      `const out = []
       for (const status of [301, 302, 303, 307, 308]) { given = 0; out.push(await told(send('/r' + status, pieces(2)))) }
       given = 0
       export default [out, (await send('/r307', pieces(2), { redirect: 'manual' })).status]`,
      { grants: [post({ methods: ['POST', 'GET'] })] },
    )
    const failed = 'TOKA_NET_FAILED'
    expect(result.value).toEqual([[failed, failed, 'GET /there', failed, failed], 307])
  })
})

describe('between verdict and act', () => {
  test('a token that is revoked ends a body in the middle, and closes its connection', async () => {
    const heard = hear('/revoked')
    const { security } = await openSecurity({ clock: { now: () => Date.now() }, pollMs: 20 })
    const own = await createToka({ cache: false, security })
    const { token, jti } = await security.mint({ grants: [post()] })
    const sandbox = await own.open({ language: 'javascript', token, network: { lookup } })
    const source = guest(
      `async function* slow() { for (;;) { yield new Uint8Array(100); await new Promise((done) => setTimeout(done, 5)) } }
       await send('/revoked', slow())`,
    )
    const run = sandbox.run({ file: '/t.mjs', source })
    setTimeout(() => void security.revoke(jti), 200)
    expect(await run).toMatchObject({ status: 'cancelled', error: { code: 'TOKA_TOKEN_REVOKED' } })
    expect(heard.bytes).toBeGreaterThan(0)
    expect(heard.ended).toBe(0)
    expect(await closed(heard)).toBe(0)
    await own.dispose()
  })

  test('a secret that is read while a body is sent closes it: not a byte leaves after', async () => {
    const heard = hear('/flow')
    const grants: GrantInput[] = [
      { resource: 'fs', actions: ['read'], paths: ['/s/**'], flow: { raises: 'secret' } },
      post({ flow: { forbiddenAfter: 'secret' } }),
    ]
    const result = await running(
      `async function* leaking() { yield new Uint8Array(7); yield require('fs').readFileSync('/s/key') }
       export default await told(send('/flow', leaking()))`,
      { grants, mounts: [{ at: '/s', from: { files: { key: 'a secret' } }, mode: 'ro' }] },
    )
    expect(result.value).toBe('TOKA_DENIED')
    expect(result.denials[0]).toMatchObject({ operation: 'net.fetch', reason: 'flow' })
    expect(heard.bytes).toBeLessThanOrEqual(7)
    expect(heard.ended).toBe(0)
  })

  test('a grant that ends while a body is sent ends it', async () => {
    const heard = hear('/expires')
    const result = await running(
      `async function* slow() { for (;;) { yield new Uint8Array(100); await new Promise((done) => setTimeout(done, 20)) } }
       export default await told(send('/expires', slow()))`,
      { grants: [post({ expires: Date.now() + 1_000 })] },
    )
    expect(result.value).toBe('TOKA_DENIED')
    expect(result.denials[0]).toMatchObject({ reason: 'expired' })
    expect(heard.ended).toBe(0)
  })

  test('a request that is not granted takes nothing of its body, and connects to nothing', async () => {
    const result = await running(
      `export default [await told(fetch('http://b.test:${port}/', { method: 'POST', body: pieces(3), duplex: 'half' })), given]`,
    )
    expect(result.value).toEqual(['TOKA_DENIED', 0])
  })
})

describe('as the Fetch standard has it', () => {
  test('a stream needs duplex, is used once, and cannot be cloned; the body of an answer can be sent on', async () => {
    hear('/sink')
    handlers['/source'] = (_, response) => void response.end('x'.repeat(100_000))
    const result = await running(
      `const fails = (act) => { try { act(); return 'none' } catch (e) { return e.name } }
       const one = () => new Request('http://a.test:0/sink', { method: 'POST', body: pieces(1), duplex: 'half' })
       const used = one(); await told(fetch(used))
       given = 0
       const answer = await fetch('http://a.test:0/source')
       export default [
         fails(() => new Request('http://a.test:0/', { method: 'POST', body: pieces(1) })),
         fails(() => new Request('http://a.test:0/', { method: 'GET', body: pieces(1), duplex: 'half' })),
         fails(() => one().clone()), fails(() => new Request(used)), used.bodyUsed,
         await told(send('/sink', answer.body)), answer.bodyUsed,
         await new Response((async function* () { yield new Uint8Array([104]); yield new Uint8Array([105]) })()).text(),
       ]`,
      { grants: [post({ methods: ['GET', 'POST'] })] },
    )
    expect(result.error).toBeUndefined()
    expect(result.value).toEqual([
      'TypeError',
      'TypeError',
      'TypeError',
      'TypeError',
      true,
      String(PIECE + 100_000),
      true,
      'hi',
    ])
  })
})
