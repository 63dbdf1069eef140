/** The ends of streams and futures that a guest holds, as handles that it can wait for (CanonicalABI.md, "Stream State"). */
import { CanonTrap } from '../canon-trap.ts'
import type { ChannelType } from '../wit-types.ts'
import { GuestChannel, type Readable } from './channel.ts'
import { Waitable } from './waitable.ts'

export type CopyState = 'idle' | 'copying' | 'cancelling' | 'done'

export abstract class CopyEnd extends Waitable {
  state: CopyState = 'idle'
  /** Of a copy that could go on, though something was copied: it is cancelled, not completed. */
  onCancel: (() => void) | undefined
  abstract readonly type: ChannelType
  protected abstract readonly shared: { cancel(): void; drop(): void }

  cancel(): void {
    this.shared.cancel()
  }

  override drop(): void {
    if (this.state === 'copying' || this.state === 'cancelling')
      throw new CanonTrap(`an end of a ${this.type.kind} is dropped while it copies`)
    this.shared.drop()
    super.drop()
  }
}

export class ReadEnd extends CopyEnd {
  override readonly what = 'readable end'
  readonly shared: Readable
  readonly type: ChannelType
  override readonly object: object | undefined

  /** @param type as the component that holds it declares it */
  constructor(shared: Readable, type: ChannelType) {
    super()
    this.shared = shared
    this.type = type
    this.object = shared instanceof GuestChannel ? undefined : shared
  }
}

export class WriteEnd extends CopyEnd {
  override readonly what = 'writable end'
  readonly shared: GuestChannel

  constructor(shared: GuestChannel) {
    super()
    this.shared = shared
  }

  get type(): ChannelType {
    return this.shared.type
  }

  override drop(): void {
    if (this.type.kind === 'future' && this.state !== 'done')
      throw new CanonTrap('the writable end of a future is dropped before something was written')
    super.drop()
  }
}
