/** The address of an identity provider's keys in, what fetches them out, for `callers`. */
import { TokaError } from '../errors.ts'
import type { KeySet } from './callers.ts'

/** Bytes of a key set: a thousand keys. */
const SET_BYTES = 2 ** 20
const TIMEOUT_MS = 5_000

function refuse(what: string): never {
  throw new TokaError('TOKA_CALLER_INVALID', `the key set of callers ${what}`)
}

/** The text of a body, unless it is larger than any key set. */
async function readBounded(body: ReadableStream<Uint8Array> | null): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let [text, bytes] = ['', 0]
  for (const reader = (body ?? new Blob([]).stream()).getReader(); ; ) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    bytes += value.length
    if (bytes > SET_BYTES) {
      await reader.cancel()
      refuse(`has more than ${SET_BYTES} bytes`)
    }
    text += decoder.decode(value, { stream: true })
  }
}

/** Whether nobody between can change what is read. */
const isSafe = ({ protocol, hostname }: URL): boolean =>
  protocol === 'https:' || (protocol === 'http:' && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname))

/**
 * Keys at an address, such as `https://id.example.com/.well-known/jwks.json`. Redirects are not followed.
 * @param options `timeoutMs`: default 5,000
 * @throws TokaError TOKA_REQUEST_INVALID for an address that is not https (http on this machine alone)
 * @example createSecurityManager({ callers: { issuer, audience, keys: urlKeys('https://id.example.com/jwks.json') }, ... })
 */
export function urlKeys(
  address: string,
  { timeoutMs = TIMEOUT_MS }: { timeoutMs?: number } = {},
): () => Promise<KeySet> {
  const url = URL.parse(address)
  if (!url || !isSafe(url))
    throw new TokaError(
      'TOKA_REQUEST_INVALID',
      `callers.keys: must be an https address, not ${JSON.stringify(address)}`,
    )
  return async () => {
    try {
      const answer = await fetch(url, {
        redirect: 'error',
        credentials: 'omit',
        headers: { accept: 'application/jwk-set+json, application/json' },
        signal: AbortSignal.timeout(timeoutMs),
      })
      if (!answer.ok) return refuse(`was answered with status ${answer.status}`)
      return JSON.parse(await readBounded(answer.body)) as KeySet
    } catch (error) {
      if (error instanceof TokaError) throw error
      return refuse(`cannot be fetched from ${url.origin}`)
    }
  }
}
