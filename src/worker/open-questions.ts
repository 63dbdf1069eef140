/** What a run asks of the embedding thread where its guest may keep this one: each question with a mailbox, looked into when the bell rang. */
import { errno } from '../kernel/errno.ts'
import { Later, runLater } from '../kernel/later.ts'
import { emptyMailbox, type Mail, makeMailbox, takeMail } from '../sandbox/mailbox.ts'
import { awaitBell, bellOf, isCancelled, type RunCell } from '../sandbox/run-cell.ts'

/** Emptied mailboxes that wait for their next question, and what each may have grown to, in bytes: larger ones are let go. */
const MOST_SPARES = 16
const SPARE_BYTES = 65_536

export class OpenQuestions {
  readonly #cell: RunCell
  readonly #most: number
  readonly #open = new Map<SharedArrayBuffer, (mail: Mail) => void>()
  readonly #spares: SharedArrayBuffer[] = []
  #heard: number

  /** @param most bytes of the largest answer */
  constructor(cell: RunCell, most: number) {
    this.#cell = cell
    this.#most = most
    this.#heard = bellOf(cell)
  }

  /**
   * Asks.
   * @param send sends the question with its mailbox
   * @throws GuestFacingError EAGAIN when there is no room for an answer
   */
  ask(send: (mailbox: SharedArrayBuffer) => void): Later<Mail> {
    const mailbox = this.#spares.pop() ?? this.#newMailbox()
    send(mailbox)
    return new Later((resolve) => this.#open.set(mailbox, resolve))
  }

  /** Tells the answers that have come, and lets follow what follows from earlier ones. @returns whether there was anything */
  tell(): boolean {
    const rang = bellOf(this.#cell)
    // Whoever hears late of what was told before must not wait for the next bell.
    let found = runLater()
    if (rang === this.#heard) return found
    this.#heard = rang
    for (const [mailbox, resolve] of this.#open) {
      const mail = takeMail(mailbox)
      if (!mail) continue
      found = true
      this.#open.delete(mailbox)
      this.#spare(mailbox)
      resolve(mail)
    }
    runLater()
    return found
  }

  /** Waits on this thread until answers come, at most so long, and tells them. */
  wait(milliseconds: number): void {
    if (this.tell() || isCancelled(this.#cell)) return
    awaitBell(this.#cell, this.#heard, milliseconds)
    this.tell()
  }

  /** Nobody waits for an answer any more: what comes yet goes into mailboxes of nobody. */
  end(): void {
    this.#open.clear()
    this.#spares.length = 0
  }

  #newMailbox(): SharedArrayBuffer {
    try {
      return makeMailbox(this.#most)
    } catch {
      throw errno('EAGAIN')
    }
  }

  #spare(mailbox: SharedArrayBuffer): void {
    if (this.#spares.length >= MOST_SPARES || mailbox.byteLength > SPARE_BYTES) return
    emptyMailbox(mailbox)
    this.#spares.push(mailbox)
  }
}
