/** Secrets that an answer repeats are blotted out: whole, without their scheme, decoded, however the bytes are cut. */
import { expect, test } from 'vitest'
import { Redactor } from '../../src/host/redactor.ts'

const encoder = new TextEncoder()

/** A text that comes in pieces of so many bytes. */
function streamed(redactor: Redactor, text: string, size: number): string {
  const bytes = encoder.encode(text)
  const out: number[] = []
  for (let at = 0; at < bytes.length; at += size) out.push(...redactor.push(bytes.slice(at, at + size)))
  out.push(...redactor.end())
  return new TextDecoder().decode(new Uint8Array(out))
}

test.each([
  [['Bearer secret-token'], 'got Bearer secret-token!', 'got *******************!'],
  [['Bearer secret-token'], '{"token":"secret-token"}', '{"token":"************"}'],
  [['Basic YWRtaW46cGFzc3dvcmQtMQ=='], 'admin:password-1, password-1', '****************, **********'],
  [['Basic YWRtaW46cGFzc3dvcmQtMQ=='], 'YWRtaW46cGFzc3dvcmQtMQ==', '************************'],
  [['plain-key'], 'plain-key plain-ke', '********* plain-ke'],
  [['Bearer short'], 'a short word', 'a short word'],
  [['abcdefgh', 'cdefghij'], 'abcdefgh cdefghij', '******** ********'],
  [[], 'nothing', 'nothing'],
  [[''], 'nothing', 'nothing'],
])('%j in %j', (secrets, text, expected) => {
  expect(new Redactor(secrets).text(text)).toBe(expected)
  for (const size of [1, 2, 3, 7, 100]) expect(streamed(new Redactor(secrets), text, size)).toBe(expected)
})
