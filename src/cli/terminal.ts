/** The streams of a command line, as commands see them: injected, so that a test runs a command without a process. */
import type { Readable, Writable } from 'node:stream'

/** What a command reads from and writes to. */
export type Terminal = {
  stdin: Readable & { isTTY?: boolean }
  stdout: Writable & { isTTY?: boolean }
  stderr: Writable & { isTTY?: boolean }
  /** Aborted when the person presses Ctrl-C. */
  signal: AbortSignal
  /** NO_COLOR and FORCE_COLOR are looked at (no-color.org). */
  environment: Readonly<Record<string, string | undefined>>
}

/** A style of text; the identity where colours are off. */
export type Paint = (style: 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan', text: string) => string

const CODES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] } as const

/** Colours for one stream: on a terminal only, unless the environment says otherwise. */
export function paintFor(stream: { isTTY?: boolean }, environment: Terminal['environment']): Paint {
  const forced = environment['FORCE_COLOR'] !== undefined && environment['FORCE_COLOR'] !== '0'
  const refused = Boolean(environment['NO_COLOR']) || environment['TERM'] === 'dumb'
  if (refused || !(stream.isTTY || forced)) return (_style, text) => text
  return (style, text) => `\u001b[${CODES[style][0]}m${text}\u001b[${CODES[style][1]}m`
}

/** stdin as a web stream that reads nothing until it is asked: a guest that ignores its stdin never waits for it. */
export function lazyInput(stdin: Readable): ReadableStream<Uint8Array> {
  let iterator: AsyncIterator<unknown> | undefined
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        iterator ??= stdin[Symbol.asyncIterator]()
        const { done, value } = await iterator.next()
        if (done) controller.close()
        else
          controller.enqueue(
            typeof value === 'string' ? new TextEncoder().encode(value) : new Uint8Array(value as Uint8Array),
          )
      },
      async cancel() {
        await iterator?.return?.()
      },
    },
    { highWaterMark: 0 },
  )
}
