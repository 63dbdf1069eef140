/** Requests whose bodies guests send piece by piece: each piece waits until it was taken, with a bound on their bytes and on the time without one. */
import type { NetworkAnswer } from '../gate/drivers.ts'
import { GuestFacingError } from '../kernel/host-port.ts'
import { NETWORK } from '../limits.ts'
import type { NetworkOptions } from '../network-options.ts'
import { type Answered, type NetworkBodies, within } from './network-bodies.ts'

/** A request under way, as a runtime makes it. */
export interface Upload {
  /** Bytes that it takes at most, and why no more. */
  readonly most: number
  readonly mostBecause: string
  /** Whether its answer is there. */
  readonly isAnswered: boolean
  /** Sends a piece, none at the end; resolves once it was taken, with false when no more is wanted. */
  send(piece: Uint8Array): Promise<boolean>
  answer(): Promise<Answered>
  stop(): void
}

type Held = { upload: Upload; bytes: number; isBusy: boolean; isKept: boolean }

const failed = (): GuestFacingError => new GuestFacingError('TOKA_NET_FAILED', 'the connection broke')

export class NetworkUploads {
  readonly #options: NetworkOptions
  readonly #bodies: NetworkBodies
  readonly #uploads = new Map<number, Held>()

  constructor(options: NetworkOptions, bodies: NetworkBodies) {
    this.#options = options
    this.#bodies = bodies
  }

  /**
   * Begins a request. Answers its number.
   * @param begin is given what to call when its connection ends without an answer: its slot is free then
   * @throws GuestFacingError TOKA_NET_FAILED when there are too many
   */
  open(begin: (died: () => void) => Upload): number {
    this.#bodies.enter()
    const number = this.#bodies.number()
    try {
      const upload = begin(() => this.close(number))
      this.#uploads.set(number, { upload, bytes: 0, isBusy: false, isKept: false })
      return number
    } catch {
      this.#bodies.leave()
      throw failed()
    }
  }

  /** @throws GuestFacingError TOKA_NET_FAILED, TOKA_NET_TIMEOUT or TOKA_NET_SIZE, as rejection */
  async send(number: number, piece: Uint8Array, signal: AbortSignal): Promise<boolean> {
    const held = this.#uploads.get(number)
    if (!held || held.isBusy) throw failed()
    const { idleTimeoutMs = NETWORK.idleMs } = this.#options
    const { upload } = held
    held.bytes += piece.length
    const { requestBytes = NETWORK.sentBytes } = this.#options
    const most = Math.min(upload.most, requestBytes)
    if (held.bytes > most) {
      this.close(number)
      throw new GuestFacingError(
        'TOKA_NET_SIZE',
        `the body of the request has more than ${most} bytes${most < requestBytes ? upload.mostBecause : ''}`,
      )
    }
    held.isBusy = true
    try {
      return await this.#until(
        signal,
        number,
        within(idleTimeoutMs, upload.send(piece), () => {}),
      )
    } catch (error) {
      // A server that has answered and reads no further wants no more of it: its answer counts.
      if (upload.isAnswered && this.#uploads.has(number)) return false
      this.close(number)
      throw error instanceof GuestFacingError ? error : failed()
    } finally {
      held.isBusy = false
    }
  }

  /** @throws GuestFacingError TOKA_NET_FAILED or TOKA_NET_TIMEOUT, as rejection */
  async answer(number: number, signal: AbortSignal): Promise<NetworkAnswer> {
    const held = this.#uploads.get(number)
    if (!held || held.isKept) throw failed()
    try {
      const answered = await this.#until(signal, number, held.upload.answer())
      if (!this.#uploads.has(number) || held.isKept) throw failed()
      held.isKept = true
      return this.#bodies.keep(answered, number)
    } catch (error) {
      this.close(number)
      throw error instanceof GuestFacingError ? error : failed()
    }
  }

  async #until<T>(signal: AbortSignal, number: number, work: Promise<T>): Promise<T> {
    const stop = (): void => this.close(number)
    signal.addEventListener('abort', stop, { once: true })
    try {
      return await work
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  /** Gives a request up, sent or not. The slot of one whose answer was kept goes with its body. */
  close(number: number): void {
    const held = this.#uploads.get(number)
    if (!held) return
    this.#uploads.delete(number)
    if (held.isKept) this.#bodies.close(number)
    else this.#bodies.leave()
    held.upload.stop()
  }

  closeAll(): void {
    for (const number of [...this.#uploads.keys()]) this.close(number)
  }
}
