/** URL cases of the web platform tests: what has a canonical form is the URL's own, and hosts are what IDNA says. */
import { expect, test } from 'vitest'
import { canonicalRequest } from '../../src/gate/net-request.ts'
import { skipReasons } from '../skip-reasons.ts'
import { readVectors } from '../vectors.node.ts'

type UrlCase =
  | string
  | {
      input: string
      base?: string | null
      failure?: boolean
      href?: string
      hostname?: string
      pathname?: string
      username?: string
      password?: string
      protocol?: string
    }
type HostCase = string | { input: string; output: string | null }

const urls = readVectors('url/urltestdata.json') as UrlCase[] | undefined
const hosts = readVectors('url/toascii.json') as HostCase[] | undefined

/** A path with every byte as itself. */
const bytesOf = (path: string): string =>
  path.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))

test('a URL that fails has no form; one that has a form is the same URL, on the same host', ({ skip }) => {
  skip(!urls, skipReasons.noVectors)
  const tally = { failed: 0, same: 0, refused: 0 }
  for (const one of urls!) {
    if (typeof one === 'string' || (one.base !== null && one.base !== undefined && one.base !== 'about:blank')) continue
    const found = canonicalRequest(one.input, 'GET')
    if (one.failure) {
      expect(found, one.input).toBeUndefined()
      tally.failed++
    } else if (found) {
      expect(found.host, one.input).toBe(one.hostname)
      expect(['http:', 'https:']).toContain(one.protocol)
      expect([one.username, one.password], one.input).toEqual(['', ''])
      // Only letters that need no encoding may have changed.
      expect(bytesOf(found.path), one.input).toBe(bytesOf(one.pathname ?? ''))
      tally.same++
    } else tally.refused++
  }
  expect(tally.failed).toBeGreaterThan(100)
  expect(tally.same).toBeGreaterThan(50)
})

/** UTS #46 mapped it to "ss" before revision 33, as the parser of Node 22 still does: what is decided on is what is connected to. */
const CAPITAL_SHARP_S = '\u1e9e'

test('a host of any script is its ASCII form, and one that IDNA refuses is none', ({ skip }) => {
  skip(!hosts, skipReasons.noVectors)
  let compared = 0
  for (const one of hosts!) {
    if (typeof one === 'string') continue
    const found = canonicalRequest(`https://${one.input}/x`, 'GET')
    if (one.output === null) expect(found, one.input).toBeUndefined()
    else if (found) {
      const before = one.input.includes(CAPITAL_SHARP_S)
        ? [one.output, new URL(`https://${one.input}`).host]
        : [one.output]
      expect(before, one.input).toContain(found.host)
      compared++
    }
  }
  expect(compared).toBeGreaterThan(20)
})
