/** One answer in memory that two threads share: written by the embedding thread, found by a worker whose thread may wait. */

/** Bytes before the payload: i32 state, i32 length. */
export const MAILBOX_HEADER = 8

const State = { waiting: 0, done: 1, failed: 2, ended: 3 } as const

/** `ended`: stdin has no more, or nobody answers any more. */
export type Mail = { state: 'done' | 'failed'; payload: Uint8Array<ArrayBuffer> } | { state: 'ended' }

/**
 * Memory for answers of up to `most` bytes.
 * @throws RangeError when this thread has no room for it
 */
export function makeMailbox(most: number): SharedArrayBuffer {
  // It grows with the answers: most are small.
  return new SharedArrayBuffer(MAILBOX_HEADER, { maxByteLength: MAILBOX_HEADER + most })
}

/** Bytes of the largest answer. */
export function roomOf(mailbox: SharedArrayBuffer): number {
  return (mailbox.growable ? mailbox.maxByteLength : mailbox.byteLength) - MAILBOX_HEADER
}

/** Before the question is sent. */
export function emptyMailbox(mailbox: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(mailbox, 0, 2), 0, State.waiting)
}

/**
 * Puts an answer in.
 * @returns false when it does not fit
 */
export function putMail(mailbox: SharedArrayBuffer, mail: Mail): boolean {
  if (mail.state === 'done' || mail.state === 'failed') {
    const { payload } = mail
    const size = MAILBOX_HEADER + payload.length
    if (payload.length > roomOf(mailbox)) return false
    if (size > mailbox.byteLength) mailbox.grow(size)
    new Uint8Array(mailbox, MAILBOX_HEADER, payload.length).set(payload)
  }
  const header = new Int32Array(mailbox, 0, 2)
  header[1] = 'payload' in mail ? mail.payload.length : 0
  Atomics.store(header, 0, mail.state === 'done' ? State.done : mail.state === 'failed' ? State.failed : State.ended)
  return true
}

/** The answer, once it is there. */
export function takeMail(mailbox: SharedArrayBuffer): Mail | undefined {
  const header = new Int32Array(mailbox, 0, 2)
  const state = Atomics.load(header, 0)
  if (state === State.waiting) return undefined
  if (state !== State.done && state !== State.failed) return { state: 'ended' }
  const length = Math.min(header[1] ?? 0, mailbox.byteLength - MAILBOX_HEADER)
  const payload = new Uint8Array(new Uint8Array(mailbox, MAILBOX_HEADER, length))
  return { state: state === State.done ? 'done' : 'failed', payload }
}
