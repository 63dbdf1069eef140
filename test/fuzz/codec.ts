/** Bytes and messages at the borders' readers: the values codec, and the checks of what a worker and its host send. */
import { TokaError } from '../../src/errors.ts'
import { BORDER } from '../../src/limits.ts'
import { readFromWorker, readToWorker } from '../../src/sandbox/protocol.ts'
import { CALL_VALUE_LIMITS, decodeValue, encodeValue, type ValueLimits } from '../../src/kernel/values.ts'
import { WorkerServer } from '../../src/worker/server.ts'
import { conversation, makeJunk, mutateMessage } from './messages.ts'
import { mutateBytes } from './mutate.ts'
import { choices, type Next, numbers, pick, randomBytes } from './numbers.ts'
import type { Session, Target } from './session.ts'
import { holdsOtherForms, makeValue, same } from './values.ts'

type Bytes = Uint8Array<ArrayBuffer>
type Conversation = Awaited<ReturnType<typeof conversation>>

/** The first byte of an input says what the rest is. */
const Mode = { decode: 0, narrow: 1, roundTrip: 2, message: 3, server: 4 } as const

const VALUE_CODES: readonly unknown[] = ['TOKA_VALUE_UNSUPPORTED', 'TOKA_VALUE_SIZE']

/** Heads that claim much: arrays, maps, bytes, text, bignums and tagged collections with counts up to 2^64. */
const HOSTILE = [
  '9affffffff',
  '9b8000000000000000',
  'bb1000000000000000',
  '7affffffff',
  '5b0020000000000000',
  'd901029affffffff',
  'd90103baffffffff',
  'c25a7fffffff',
  'da544f4b41a2',
  'c1fb',
].map((digits) => Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)))

/** Containers in containers: arrays, objects, sets, maps, errors' causes. */
function nested(next: Next): number[] {
  const opening = pick(next, [[0x81], [0xa1, 0x60], [0xd9, 0x01, 0x03, 0xa1, 0x01], [0xd9, 0x01, 0x02, 0x81]])
  return Array.from({ length: next(2 * BORDER.valueDepth) }, () => opening).flat()
}

function encodingOf(next: Next): Bytes {
  return encodeValue(makeValue(next)) as Bytes
}

function makeEncoding(next: Next): Bytes {
  switch (next(8)) {
    case 0:
      return randomBytes(next, next(40))
    case 1:
      return new Uint8Array([...nested(next), ...encodingOf(next)])
    case 2:
      return new Uint8Array([...nested(next), ...pick(next, HOSTILE), ...randomBytes(next, next(12))])
    case 3:
      return mutateBytes(encodingOf(next), next, { other: pick(next, HOSTILE) })
    default:
      return mutateBytes(encodingOf(next), next, { other: encodingOf(next) })
  }
}

function make(seed: number): Bytes {
  const next = numbers(seed)
  const mode = pick(next, [0, 0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 4])
  const rest =
    mode === Mode.decode
      ? makeEncoding(next)
      : mode === Mode.narrow
        ? [...randomBytes(next, 4), ...makeEncoding(next)]
        : randomBytes(next, next(400))
  return new Uint8Array([mode, ...rest])
}

/** What decoding came to: a value, or the code of the refusal. Anything else that is thrown is a failure. */
function decoded(bytes: Bytes, limits?: Partial<ValueLimits>): { value: unknown } | { refusal: string } {
  try {
    return { value: decodeValue(bytes, limits) }
  } catch (error) {
    if (error instanceof TokaError && VALUE_CODES.includes(error.code))
      return { refusal: `${error.code} ${error.message.replace(/\$\S*|\d[\d,]*|".*"/g, '#')}` }
    throw error
  }
}

function checkDecode(bytes: Bytes): string {
  const found = decoded(bytes)
  if ('refusal' in found) return `refused: ${found.refusal}`
  const again = encodeValue(found.value)
  if (!holdsOtherForms(found.value) && !equal(again, bytes)) throw new Error(`it is written again as ${again}`)
  if (!same(decodeValue(again), found.value)) throw new Error('it is another value when it is written and read again')
  return 'decoded'
}

/** With narrow limits: what is accepted keeps to them, and what the wide ones accept is refused for its size alone. */
function checkNarrow(bytes: Bytes): string {
  const next = choices(bytes)
  const limits = { structuredBytes: next(60), flatBytes: next(60), nodes: next(20), depth: next(6) }
  const rest = bytes.slice(4)
  const [wide, narrow] = [decoded(rest), decoded(rest, limits)]
  if ('value' in narrow) {
    if (!('value' in wide) || !same(narrow.value, wide.value)) throw new Error('narrower limits accept something else')
    if (rest.length > Math.max(limits.structuredBytes, limits.flatBytes)) throw new Error('it is longer than allowed')
    if (depthOf(narrow.value) > limits.depth) throw new Error('it is deeper than allowed')
    return 'within narrow limits'
  }
  if ('value' in wide && !narrow.refusal.startsWith('TOKA_VALUE_SIZE')) throw new Error(`refused as ${narrow.refusal}`)
  return 'value' in wide ? 'beyond narrow limits' : 'refused anyway'
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || value instanceof Date) return 0
  const inner = value instanceof Map || value instanceof Set ? [...value].flat() : Object.values(value)
  if (value instanceof Error) inner.push(value.cause)
  return 1 + Math.max(0, ...inner.map(depthOf))
}

function checkRoundTrip(bytes: Bytes): string {
  const value = makeValue(choices(bytes))
  const encoded = encodeValue(value) as Bytes
  const back = decodeValue(encoded)
  if (!same(back, value)) throw new Error('another value comes back')
  if (!equal(encodeValue(back), encoded)) throw new Error('other bytes come back')
  const least = { ...CALL_VALUE_LIMITS, structuredBytes: encoded.length, flatBytes: encoded.length }
  if (!same(decodeValue(encoded, least), value)) throw new Error('limits of just its size refuse it')
  return 'round trip'
}

const equal = (left: Uint8Array, right: Uint8Array): boolean =>
  left.length === right.length && left.every((byte, at) => byte === right[at])

/** Either check of messages answers the message itself or nothing, twice the same. */
function checkMessage(bytes: Bytes, { toWorker, fromWorker }: Conversation): string {
  const next = choices(bytes)
  const isToWorker = next(2) === 0
  const read: (message: unknown) => unknown = isToWorker ? readToWorker : readFromWorker
  const message = next(8) ? mutateMessage(pick<object>(next, isToWorker ? toWorker : fromWorker), next) : makeJunk(next)
  const answer = read(message)
  if (answer !== undefined && answer !== message) throw new Error('the check answers another message')
  if (read(message) !== answer) throw new Error('the check answers otherwise the second time')
  return answer === undefined ? 'message refused' : 'message accepted'
}

/** A worker's server gets a piece of the conversation with changed messages after it: it ends itself or goes on. */
async function checkServer(bytes: Bytes, { toWorker }: Conversation): Promise<string> {
  const next = choices(bytes)
  let ended = false
  const server = new WorkerServer({ post: () => {}, end: () => (ended = true) })
  for (const message of toWorker.slice(0, next(7))) server.receive(message)
  for (let left = 1 + next(6); left > 0 && !ended; left--) {
    server.receive(mutateMessage(pick<object>(next, toWorker), next))
    await Promise.resolve()
  }
  if (ended) return 'server ended'
  server.receive({ kind: 'nonsense' })
  if (!ended) throw new Error('the server goes on after nonsense')
  return 'server went on'
}

export const codec: Target = {
  name: 'codec',
  open: async (): Promise<Session> => {
    const recorded = await conversation()
    const checks: ((rest: Bytes) => string | Promise<string>)[] = [
      checkDecode,
      checkNarrow,
      checkRoundTrip,
      (rest) => checkMessage(rest, recorded),
      (rest) => checkServer(rest, recorded),
    ]
    return { make, execute: (input) => pick(() => (input[0] ?? 0) % checks.length, checks)(input.slice(1)) }
  },
}
