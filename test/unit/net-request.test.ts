/** URLs of guests: one canonical form each, and none for what servers read in more than one way. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalRequest } from '../../src/gate/net-request.ts'

const canonical = (url: string): string | undefined => canonicalRequest(url, 'GET')?.url

test.each([
  ['HTTP://A.Test:80/x', 'http://a.test/x'],
  ['https://a.test:443/', 'https://a.test/'],
  ['https://a.test', 'https://a.test/'],
  ['https://a.test/%7Euser/%41', 'https://a.test/~user/A'],
  ['https://a.test/%e2%82%ac', 'https://a.test/%E2%82%AC'],
  ['https://a.test/a/../b/./c', 'https://a.test/b/c'],
  ['https://a.test/a?q=%2F&x#f', 'https://a.test/a?q=%2F&x'],
  ['https://0x7f.1/', 'https://127.0.0.1/'],
  ['https://[::FFFF:7f00:1]/', 'https://[::ffff:7f00:1]/'],
  ['https://bücher.test/', 'https://xn--bcher-kva.test/'],
  ['https://a.test\\x', 'https://a.test/x'],
  [' https://a.test/\n', 'https://a.test/'],
])('%j is %j', (url, expected) => {
  expect(canonical(url)).toBe(expected)
  expect(canonical(expected)).toBe(expected)
})

test.each([
  'https://a.test./',
  'https://u@a.test/',
  'https://u:p@a.test/',
  'https://:@a.test/%2f',
  'ftp://a.test/',
  'https://a.test/%2F',
  'https://a.test/a%5Cb',
  'https://a.test/%00',
  'https://a.test/%0a',
  'https://a.test/%25',
  'https://a..test/',
  `https://${'a'.repeat(64)}.test/`,
  `https://a.test/${'x'.repeat(5_000)}`,
  'https:///',
  'https://a.test:99999/',
  'https://[::1%25lo]/',
  '',
])('%j has no form', (url) => {
  expect(canonical(url)).toBeUndefined()
})

test('a form is its own form, and its parts are those of the URL', () => {
  fc.assert(
    fc.property(
      fc.webUrl({ withFragments: true, withQueryParameters: true, validSchemes: ['http', 'https'] }),
      (url) => {
        const request = canonicalRequest(url, 'get')
        if (!request) return
        expect(canonical(request.url)).toBe(request.url)
        const parsed = new URL(request.url)
        expect([parsed.hostname, parsed.pathname]).toEqual([request.host, request.path])
        expect(request.method).toBe('GET')
      },
    ),
    { numRuns: 2_000 },
  )
})
