/** A guest's TypeScript: transformed on a thread of its own where the guest can wait for it, else here. */
import { startTransformer } from '#typescript'
import { GuestFacingError, type MaybePromise } from '../../src/kernel/host-port.ts'
import { TYPESCRIPT_UNITS } from '../../src/typescript/protocol.ts'
import { Transformer } from '../../src/typescript/transformer.ts'

/** Longest time on the guest's own thread, in milliseconds: an honest source of the largest size takes one second. */
const LONGEST_MS = 3_000

type Here = typeof import('../../src/typescript/transform.ts')

let here: Here | undefined

/** Makes the transformer of this thread ready, for guests that cannot wait: one that meets no TypeScript starts without it. */
export async function loadTransformer(): Promise<void> {
  here ??= await import('../../src/typescript/transform.ts')
}

const elsewhere = new Transformer(startTransformer)

/** Ends the thread, if there is one. */
export function endTransformer(): Promise<void> {
  return elsewhere.end()
}

/**
 * Strips types; each statement stays on its line.
 * @param waits whether the guest can wait: then a source that is never done holds up nobody
 * @param isOver whether the run must end, or has ended: asked while it takes long
 * @throws GuestFacingError with code `SyntaxError` when the source does not parse, or takes too long; when it is too large
 */
export function toJavaScript(
  source: string,
  filename: string,
  { waits, isOver }: { waits: boolean; isOver: () => boolean },
): MaybePromise<string> {
  if (source.length > TYPESCRIPT_UNITS)
    throw new GuestFacingError('TOKA_VALUE_SIZE', `${filename}: TypeScript sources are limited to 1 MiB`)
  if (!waits && here) return transformHere(here, source, filename, isOver)
  return elsewhere.transform(source, isOver).catch((error: Error) => {
    throw refusal(filename, error)
  })
}

function transformHere({ stripTypes, Unfinished }: Here, source: string, filename: string, isOver: () => boolean) {
  const deadline = performance.now() + LONGEST_MS
  try {
    return stripTypes(source, () => performance.now() > deadline || isOver())
  } catch (error) {
    throw refusal(filename, error instanceof Unfinished ? new Error('it takes too long to transform') : error)
  }
}

function refusal(filename: string, error: unknown): GuestFacingError {
  return new GuestFacingError('SyntaxError', `${filename}: ${error instanceof Error ? error.message : String(error)}`)
}
