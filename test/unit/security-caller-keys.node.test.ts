/** Key sets of callers from an address and from a file: read anew, bounded, over nothing that others can change. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { urlKeys } from '../../src/security/index.ts'
import { fileKeys } from '../../src/security/index.node.ts'
import { refusal } from '../security-world.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`
}

test('a set is fetched each time it is asked for', async () => {
  let count = 0
  const address = await serve(
    (_, response) => void response.end(JSON.stringify({ keys: [{ kty: 'EC', kid: `${count++}` }] })),
  )
  const keys = urlKeys(address)
  expect([await keys(), await keys()]).toMatchObject([{ keys: [{ kid: '0' }] }, { keys: [{ kid: '1' }] }])
})

test('a redirect, an error, a flood, silence and what is no JSON are no set', async () => {
  const at = async (answer: RequestListener, timeoutMs = 5_000) =>
    refusal(urlKeys(await serve(answer), { timeoutMs })())
  expect(await at((_, response) => void response.writeHead(302, { location: '/other' }).end())).toContain('cannot be')
  expect(await at((_, response) => void response.writeHead(500).end())).toContain('status 500')
  expect(await at((_, response) => void response.end('x'.repeat(2 ** 20 + 1)))).toContain('more than 1048576 bytes')
  expect(await at(() => {}, 50)).toContain('cannot be fetched')
  expect(await at((_, response) => void response.end('{'))).toContain('cannot be fetched')
})

test.each(['http://id.example.com/jwks.json', 'http://localhost.example.com/', 'ftp://localhost/', 'jwks.json'])(
  'an address that others can answer for is refused: %s',
  (address) => expect(() => urlKeys(address)).toThrow('must be an https address'),
)

test('a file may be replaced, and one that is absent or damaged is no set', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'toka-keys-'))
  closing.push(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'jwks.json')
  const keys = fileKeys(path)
  expect(await refusal(keys())).toContain('cannot be read')
  for (const kid of ['a', 'b']) {
    writeFileSync(path, JSON.stringify({ keys: [{ kty: 'EC', kid }] }))
    expect(await keys()).toMatchObject({ keys: [{ kid }] })
  }
  writeFileSync(path, '{"keys":[')
  expect(await refusal(keys())).toContain('no JSON')
})
