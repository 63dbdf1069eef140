/** The interface that each sandbox of the suite is put behind, and what all adapters share. */

/** What a guest asks of the host's function: checked by nobody on the way, it is the guest's own object. */
export type Request = { want?: unknown; data?: unknown }

/** The host's function, `call` in a guest. */
export type HostFunction = (request: Request | undefined) => unknown

type Limits = { timeoutMs: number; memoryBytes: number; outputBytes: number }

export type Attempt = Limits & {
  /** The body of a function (of an async one, if `waits`). */
  source: string
  waits: boolean
}

export type ModuleAttempt = Limits & {
  module: Uint8Array<ArrayBuffer>
  /** On the disk: the guest may read and write it, as `/data` where it is not the root of all. */
  directory: string
}

/** How a run ended, as the host's program learns it. */
export type Ending =
  | { by: 'value'; value: unknown; outputBytes?: number }
  | { by: 'error'; message: string; outputBytes?: number }
  /** The sandbox does not take such a program at all. */
  | { by: 'refused'; message: string }

export type Peer<A = Attempt> = {
  /** Runs one guest in a sandbox of its own, within the sandbox's own limits. May reject: that is an error too. */
  run(attempt: A): Promise<Ending>
}

export type CreatePeer = (host: HostFunction) => Promise<Peer>
/** What such a guest prints is its value. */
export type CreateModulePeer = () => Promise<Peer<ModuleAttempt>>

/** The body as an expression: a call of a function, or the promise of one. */
export const asExpression = ({ source, waits }: Attempt): string => `(${waits ? 'async ' : ''}() => { ${source}\n})()`

/** The text of something thrown, which may be the guest's: never more than a line. */
export function messageOf(error: unknown): string {
  try {
    const { name, message } = error as Error
    return firstLine(message === undefined ? String(error) : `${name ? `${name}: ` : ''}${message}`)
  } catch {
    return 'an error that cannot be read'
  }
}

const firstLine = (text: string) => text.split('\n')[0]?.slice(0, 160) ?? ''

/** Waits for a promise until a deadline: for sandboxes whose time limit ends when their guest waits. */
export async function until<T>(deadline: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the host waited until the deadline')), deadline - performance.now())
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** A console that keeps what it may, for sandboxes that print by way of a function of the host. */
export function boundedConsole(limit: number) {
  let kept = 0
  const lines: string[] = []
  const print = (text: unknown) => {
    const line = String(text)
    if (kept + line.length > limit) return
    kept += line.length
    lines.push(line)
  }
  return { log: print, error: print, kept: () => kept, text: () => lines.join('') }
}
