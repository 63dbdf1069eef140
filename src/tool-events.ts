/** A call of a host tool, told to who watches the run: when it begins and when it ends. */
import { GuestFacingError, type MaybePromise } from './kernel/host-port.ts'

export type ToolEvent =
  | { type: 'call'; tool: string; idempotencyKey: string }
  /** `code` says why it failed. */
  | { type: 'return'; tool: string; idempotencyKey: string; ok: boolean; code?: string }

type Call = { tool: string; idempotencyKey: string }

/** Makes a call and tells of it. */
export function watchCall(
  { tool, idempotencyKey }: Call,
  tell: (event: ToolEvent) => void,
  act: () => MaybePromise<Uint8Array>,
): MaybePromise<Uint8Array> {
  const failed = (error: unknown): never => {
    const code = error instanceof GuestFacingError ? error.code : 'EIO'
    tell({ type: 'return', tool, idempotencyKey, ok: false, code })
    throw error
  }
  const ended = (result: Uint8Array): Uint8Array => {
    tell({ type: 'return', tool, idempotencyKey, ok: true })
    return result
  }
  tell({ type: 'call', tool, idempotencyKey })
  try {
    const result = act()
    return result instanceof Promise ? result.then(ended, failed) : ended(result)
  } catch (error) {
    return failed(error)
  }
}
