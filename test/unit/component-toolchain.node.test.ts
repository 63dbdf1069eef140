/**
 * JavaScript that componentize-js makes a component of, in Toka: typed calls, a program, a request over the network. The
 * toolchain is installed by hand (390 MB): `npm ci --prefix bench/peers/componentize`.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { canSuspend } from '../../src/loader/suspension.ts'
import { root } from '../module-graph.ts'
import { grant, lookup, port, toka } from '../network-world.node.ts'
import { skipReasons } from '../skip-reasons.ts'

type Componentize = (
  source: string,
  options: { witWorld: string; worldName: string },
) => Promise<{ component: Uint8Array }>

const path = join(root, 'bench/peers/componentize/node_modules/@bytecodealliance/componentize-js/src/componentize.js')
const isThere = existsSync(path)
const suspends = await canSuspend()

const WIT = `package toka:test;
interface shop {
  record line { name: string, cents: u64 }
  total: func(lines: list<line>) -> result<u64, string>;
}
world tools {
  export shop;
  export count: func() -> u32;
  export get: func(url: string) -> string;
  export wasi:cli/run@0.2.3;
}
package wasi:cli@0.2.3 { interface run { run: func() -> result; } }
`
const SOURCE = `
let calls = 0
export function count() { return ++calls }
export const shop = {
  total(lines) {
    if (lines.length === 0) throw 'nothing was bought'
    return lines.reduce((sum, { cents }) => sum + cents, 0n)
  },
}
export async function get(url) { const answer = await fetch(url); return answer.status + ' ' + (await answer.text()) }
export const run = { run() { console.log('made of JavaScript:', [3, 1, 2].toSorted().join()) } }
`

let module: Uint8Array
beforeAll(async () => {
  if (!isThere) return
  const { componentize } = (await import(pathToFileURL(path).href)) as { componentize: Componentize }
  module = (await componentize(SOURCE, { witWorld: WIT, worldName: 'tools' })).component
}, 240_000)

test('its functions are called with values of their types, and keep their state, as does a fork', async ({ skip }) => {
  skip(!isThere, skipReasons.noOptionalPackage)
  const sandbox = await toka.open({ language: 'wasm', module })
  const lines = [
    { name: 'tea', cents: 350n },
    { name: 'cake', cents: 420n },
  ]
  expect((await sandbox.call('shop#total', lines)).value).toEqual({ tag: 'ok', val: 770n })
  expect((await sandbox.call('shop#total', [])).value).toEqual({ tag: 'err', val: 'nothing was bought' })
  expect((await sandbox.call('count')).value).toBe(1)
  const fork = await sandbox.fork()
  expect((await sandbox.call('count')).value).toBe(2)
  expect((await fork.call('count')).value).toBe(2)
  await fork.dispose()
  await sandbox.dispose()
}, 240_000)

test('it is a program, whose output is the run’s', async ({ skip }) => {
  skip(!isThere, skipReasons.noOptionalPackage)
  const ended = await toka.run({ language: 'wasm', module })
  expect(ended).toMatchObject({ status: 'completed', exitCode: 0, stdout: 'made of JavaScript: 1,2,3\n' })
}, 240_000)

test('it fetches what it is granted, and nothing else', async ({ skip }) => {
  skip(!isThere, skipReasons.noOptionalPackage)
  skip(!suspends, skipReasons.noJspi)
  const get = (host: string) =>
    toka.run({
      language: 'wasm',
      module,
      call: 'get',
      input: [`http://${host}:${port}/page`],
      grants: [grant()],
      network: { lookup },
    })
  expect((await get('a.test')).value).toBe('200 GET /page')
  const denied = await get('b.test')
  expect(denied.status).toBe('failed')
  expect(denied.denials).toHaveLength(1)
}, 240_000)
