/**
 * What happened to tokens in, a chain of hashes out: records in batches, each batch over the head of the one before, the
 * head signed. A log that was changed, cut at its front or glued together does not verify; one that was cut at its end is
 * the log of an earlier time, which its last signature says.
 *
 * The bytes are lines: `toka-audit 1`, then frames of u8 kind (1 batch, 2 signature), u32 length (little-endian) and the
 * content. A batch is records of u32 length and JSON; a signature is a compact JWS over the head so far.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { encodeBase64url } from '../../capabilities/tokens/base64url.ts'
import { signJws, verifyJws } from '../../capabilities/tokens/jws.ts'
import type { SigningKey, VerifyingKey } from '../../capabilities/tokens/keys.ts'
import { parseStrictJson } from '../../capabilities/tokens/strict-json.ts'
import { TokaError } from '../errors.ts'

/** One event. `at` in milliseconds since 1970. */
export type AuditEvent = {
  at: number
  event:
    | 'mint'
    | 'verify'
    | 'revoke'
    | 'rotate'
    | 'authorize'
    | 'run'
    | 'denial'
    | 'limit'
    | 'authenticate'
    | 'approval'
    /** Records that were dropped while nothing could be written: `records` says how many. */
    | 'lost'
  outcome: 'allowed' | 'denied'
  /** The last link of the token that it is about. */
  jti?: string
  /** What was asked for, or why it was refused; cut to 1,024 characters. */
  detail?: string
  operation?: string
  /** Of a run: the head over every decision of its gate, and how many there were; of `lost`: how many records. */
  head?: string
  records?: number
}

/** Where the bytes of a log go. */
export interface AuditSink {
  /** What an earlier process wrote, to go on with. */
  readonly before?: Uint8Array | undefined
  /** Takes all of it or throws: what it threw for it is given again with what comes next. */
  append(bytes: Uint8Array): void | Promise<void>
  /** The log is over: nothing is appended any more. */
  close?(): void | Promise<void>
}

const MAGIC = new TextEncoder().encode('toka-audit 1\n')
const TYPE = 'toka-audit+jwt'
const BATCH = 1
const SIGNATURE = 2
/** Records of a batch, at most; a denial does not wait for more. */
const BATCH_RECORDS = 64
const DETAIL = 1_024
/** Bytes that wait for a sink that takes nothing, at most about: what comes then is dropped, and counted. */
const UNWRITTEN = 4 * 1024 * 1024
const HASH = 32

function frame(kind: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(5 + content.length)
  bytes[0] = kind
  new DataView(bytes.buffer).setUint32(1, content.length, true)
  bytes.set(content, 5)
  return bytes
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

function hashed(head: Uint8Array, content: Uint8Array): Uint8Array {
  return sha256.create().update(head).update(content).digest()
}

function encode(event: AuditEvent): Uint8Array {
  const { detail, ...rest } = event
  const cut = detail === undefined ? {} : { detail: detail.slice(0, DETAIL).toWellFormed() }
  const json = new TextEncoder().encode(JSON.stringify({ ...rest, ...cut }))
  const bytes = new Uint8Array(4 + json.length)
  new DataView(bytes.buffer).setUint32(0, json.length, true)
  bytes.set(json, 4)
  return bytes
}

export type AuditState = { records: number; head: string }

/** Writes one log. */
export class AuditLog {
  readonly #sink: AuditSink
  readonly #signer: () => Promise<SigningKey & { kid: string }>
  #pending: Uint8Array[] = []
  #head: Uint8Array = new Uint8Array(HASH)
  #records = 0
  #begun: boolean
  #unwritten: (Uint8Array | Promise<Uint8Array>)[] = []
  #unwrittenBytes = 0
  #lost: { at: number; records: number } | undefined
  #writing: Promise<unknown> = Promise.resolve()
  #fault: unknown

  /**
   * @param after where an earlier process ended: the log goes on from there
   * @throws TokaError TOKA_REQUEST_INVALID without it for a sink that has an earlier log
   */
  constructor(
    sink: AuditSink,
    signer: () => Promise<SigningKey & { kid: string }>,
    after?: { head: Uint8Array; records: number },
  ) {
    if (sink.before && !after)
      throw new TokaError(
        'TOKA_REQUEST_INVALID',
        'audit: an earlier process wrote this log; to go on with it, give auditAfter, the `last` that verifyAudit(audit.before) answers',
      )
    this.#sink = sink
    this.#signer = signer
    this.#begun = after !== undefined
    if (after) {
      this.#head = after.head
      this.#records = after.records
    }
  }

  get state(): AuditState {
    return { records: this.#records, head: encodeBase64url(this.#head) }
  }

  /** Records an event. A denial is written at once. */
  add(event: AuditEvent): void {
    if (this.#unwrittenBytes >= UNWRITTEN) {
      this.#lost ??= { at: event.at, records: 0 }
      this.#lost.records++
      return
    }
    this.#pending.push(encode(event))
    this.#records++
    if (event.outcome === 'denied' || this.#pending.length >= BATCH_RECORDS) this.#close()
  }

  /** @param piece what comes next; a signature keeps its place while it is made */
  #write(piece: Uint8Array | Promise<Uint8Array>): void {
    this.#unwritten.push(piece)
    if (piece instanceof Uint8Array) this.#unwrittenBytes += piece.length
    this.#writing = this.#writing.then(() => this.#writeOn())
  }

  /** In order, and each until it is taken: the chain holds over a disk that was full for a while. */
  async #writeOn(): Promise<void> {
    for (;;) {
      const next = this.#unwritten[0]
      if (!next) {
        if (!this.#lost) break
        const lost = this.#lost
        this.#lost = undefined
        this.add({ event: 'lost', outcome: 'denied', ...lost })
        continue
      }
      try {
        await this.#sink.append(await next)
      } catch (error) {
        this.#fault = error
        return
      }
      this.#unwritten.shift()
      if (next instanceof Uint8Array) this.#unwrittenBytes -= next.length
    }
    this.#fault = undefined
  }

  #close(): void {
    if (this.#pending.length === 0) return
    const content = joined(this.#pending)
    this.#pending = []
    this.#head = hashed(this.#head, content)
    const bytes = frame(BATCH, content)
    this.#write(this.#begun ? bytes : joined([MAGIC, bytes]))
    this.#begun = true
  }

  /**
   * Writes what waits, and signs the head.
   * @throws what the sink threw, while anything is not written
   */
  async flush(): Promise<AuditState> {
    this.#close()
    this.#writing = this.#writing.then(() => this.#writeOn())
    await this.#written()
    this.#close()
    const state = this.state
    if (this.#begun) {
      const signature = this.#sign(state)
      this.#write(signature.catch(() => new Uint8Array()))
      await signature
      await this.#written()
    }
    return state
  }

  async #written(): Promise<void> {
    await this.#writing
    if (this.#fault !== undefined) throw this.#fault
  }

  async #sign(state: AuditState): Promise<Uint8Array> {
    const signer = await this.#signer()
    const jws = await signJws(state, { typ: TYPE, kid: signer.kid }, signer)
    return frame(SIGNATURE, new TextEncoder().encode(jws))
  }
}

function damaged(what: string): never {
  throw new TokaError('TOKA_AUDIT_INVALID', `the audit log ${what}`)
}

function readEvents(content: Uint8Array): AuditEvent[] {
  const events: AuditEvent[] = []
  for (let at = 0; at < content.length; ) {
    const length =
      content.length - at >= 4 ? new DataView(content.buffer, content.byteOffset + at, 4).getUint32(0, true) : -1
    if (length < 0 || length > content.length - at - 4) damaged('has a record that reaches beyond its batch')
    const event = parseStrictJson(content.subarray(at + 4, at + 4 + length))
    if (typeof event !== 'object' || event === null) damaged('has a record that is no JSON object')
    events.push(event as AuditEvent)
    at += 4 + length
  }
  return events
}

/** The whole frames of a log, one after the other, each with where it ends. */
function* framesOf(bytes: Uint8Array): Generator<{ kind: number; content: Uint8Array; end: number }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = MAGIC.length; bytes.length - at >= 5; ) {
    const end = at + 5 + view.getUint32(at + 1, true)
    if (end > bytes.length) return
    yield { kind: bytes[at] as number, content: bytes.subarray(at + 5, end), end }
    at = end
  }
}

/**
 * @returns how many bytes of a log are whole: less than it has where a crash cut it in the middle of a frame. What is no
 * log is nobody's to cut, and whole.
 */
export function wholeLength(bytes: Uint8Array): number {
  if (MAGIC.some((byte, index) => index < bytes.length && byte !== bytes[index])) return bytes.length
  let whole = bytes.length < MAGIC.length ? 0 : MAGIC.length
  for (const { end } of framesOf(bytes)) whole = end
  return whole
}

export type VerifiedLog = AuditState & {
  /** Records behind the last signature: written, and not vouched for yet. */
  unsigned: number
  signatures: number
  events: AuditEvent[]
  /** For who goes on with the log. */
  last: { head: Uint8Array; records: number }
}

/**
 * Verifies a whole log, offline.
 * @param keyFor answers the key of a name, those that are gone too
 * @throws TokaError TOKA_AUDIT_INVALID saying where it breaks
 */
export async function verifyAuditLog(
  bytes: Uint8Array,
  keyFor: (kid: string | undefined) => Promise<VerifyingKey | undefined>,
): Promise<VerifiedLog> {
  if (!MAGIC.every((byte, index) => bytes[index] === byte)) damaged('does not begin as one')
  let head: Uint8Array = new Uint8Array(HASH)
  const events: AuditEvent[] = []
  let [signed, signatures] = [0, 0]
  let whole = MAGIC.length
  for (const { kind, content, end } of framesOf(bytes)) {
    whole = end
    if (kind === BATCH) {
      head = hashed(head, content)
      events.push(...readEvents(content))
    } else if (kind === SIGNATURE) {
      await checkSignature(content, { records: events.length, head: encodeBase64url(head) }, keyFor)
      signed = events.length
      signatures++
    } else damaged(`has something unknown behind record ${events.length}`)
  }
  if (whole < bytes.length) damaged(`is cut in the middle of what follows record ${events.length}`)
  const last = { head, records: events.length }
  return {
    records: events.length,
    head: encodeBase64url(head),
    unsigned: events.length - signed,
    signatures,
    events,
    last,
  }
}

async function checkSignature(
  content: Uint8Array,
  state: AuditState,
  keyFor: (kid: string | undefined) => Promise<VerifyingKey | undefined>,
): Promise<void> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(content)
    const { payload } = await verifyJws(text, TYPE, ({ kid }) => keyFor(kid))
    const said = parseStrictJson(payload) as Partial<AuditState> | undefined
    if (said?.records === state.records && said.head === state.head) return
  } catch (error) {
    damaged(`has a signature behind record ${state.records} that does not hold (${(error as Error).message})`)
  }
  damaged(`was changed before record ${state.records}: its signature is over another head`)
}
