/** TypeScript text in, JavaScript text out, line for line: the one transformer of every runtime. */
import { GuestFacingError, type MaybePromise } from '../../src/kernel/host-port.ts'

/** Largest TypeScript source, in UTF-16 units: the transformer runs on the host's thread, where no fuel stops it. */
export const TYPESCRIPT_LIMIT = 2 ** 20

/** Longest time on the host's thread, in milliseconds: an honest source of the largest size takes one second. */
const LONGEST_MS = 3_000
/** Reads of the source between two looks at the clock. */
const READS = 64

/**
 * A source that stops being read when its reader has had its time. The transformer parses twice what may be an arrow
 * function or a class in a field, which doubles at each level, and numbers fields by trying: it is never done with some
 * sources of a hundred characters. It has no hook for giving up, but whatever it does it goes on reading.
 */
class LeashedText extends String {
  readonly #isOver: () => boolean
  readonly #deadline = performance.now() + LONGEST_MS
  #reads = 0

  constructor(text: string, isOver: () => boolean) {
    super(text)
    this.#isOver = isOver
  }

  override charCodeAt(index: number): number {
    this.#count()
    return super.charCodeAt(index)
  }

  override slice(start?: number, end?: number): string {
    this.#count()
    return super.slice(start, end)
  }

  #count(): void {
    if (++this.#reads % READS !== 0) return
    if (performance.now() > this.#deadline || this.#isOver()) throw new Error('it takes too long to transform')
  }
}

const NAMESPACE = /^[^\S\n\r]*(?:export[^\S\n\r]+)?(?:namespace|module)[^\S\n\r]+[\w$.]+[^\S\n\r]*\{/
const AMBIENT = /\bdeclare\s/

/**
 * The transformer drops namespaces with all that is in them, in silence. What it dropped is no longer on its line.
 * Within `declare … { }` they are types: there only those that begin a line count.
 */
function refuseNamespaces(source: string, code: string): void {
  if (!/\b(?:namespace|module)\b/.test(source)) return
  const ambient = AMBIENT.test(source)
  const after = code.split('\n')
  source.split('\n').forEach((line, at) => {
    const found = NAMESPACE.exec(line)?.[0]
    if (found === undefined || after[at]?.includes(found) || (ambient && /^\s/.test(line))) return
    const column = found.length - found.trimStart().length + 1
    throw new Error(`TypeScript namespaces are not supported: use a module or an object (${at + 1}:${column})`)
  })
}

type Transform = typeof import('sucrase')['transform']

let loaded: Transform | undefined

/** Makes the transformer ready: a process that meets no TypeScript starts in half the time without it. */
export async function loadTransformer(): Promise<void> {
  loaded ??= (await import('sucrase')).transform
}

/**
 * Strips types and keeps line numbers (sucrase leaves each statement on its line). At once, but for the first source.
 * @param isOver whether the run must end: asked while it takes long
 * @throws GuestFacingError with code `SyntaxError` when the source does not parse, or takes too long; when it is too large
 */
export function toJavaScript(source: string, filename: string, isOver: () => boolean): MaybePromise<string> {
  return loaded
    ? transformed(loaded, source, filename, isOver)
    : loadTransformer().then(() => toJavaScript(source, filename, isOver))
}

function transformed(transform: Transform, source: string, filename: string, isOver: () => boolean): string {
  if (source.length > TYPESCRIPT_LIMIT) {
    throw new GuestFacingError('TOKA_VALUE_SIZE', `${filename}: TypeScript sources are limited to 1 MiB`)
  }
  try {
    const text = new LeashedText(source, isOver) as unknown as string
    const { code } = transform(text, {
      transforms: ['typescript'],
      disableESTransforms: true,
      keepUnusedImports: false,
    })
    refuseNamespaces(source, code)
    return code
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new GuestFacingError('SyntaxError', `${filename}: ${message.replace(/^Error transforming [^:]*: /, '')}`)
  }
}
