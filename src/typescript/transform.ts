/** TypeScript text in, JavaScript text out, line for line: the one transformer of every runtime. */
import { transform } from 'sucrase'

/** Reads of the source between two looks at the clock. */
const READS = 64

/** The transformer had its time and was not done. */
export class Unfinished extends Error {}

/**
 * A source that stops being read when its reader has had its time. The transformer parses twice what may be an arrow
 * function or a class in a field, which doubles at each level, and numbers fields by trying: it is never done with some
 * sources of a hundred characters. It has no hook for giving up, but whatever it does it goes on reading.
 */
class LeashedText extends String {
  readonly #isOver: () => boolean
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
    if (++this.#reads % READS === 0 && this.#isOver()) throw new Unfinished()
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

/**
 * Strips types and keeps line numbers (sucrase leaves each statement on its line).
 * @param isOver whether it must be given up: asked all the while
 * @throws Unfinished when it was given up; Error with `(line:column)` in its message when the source does not parse
 */
export function stripTypes(source: string, isOver: () => boolean): string {
  const text = new LeashedText(source, isOver) as unknown as string
  try {
    const { code } = transform(text, {
      transforms: ['typescript'],
      disableESTransforms: true,
      keepUnusedImports: false,
    })
    refuseNamespaces(source, code)
    return code
  } catch (error) {
    if (error instanceof Unfinished) throw error
    const message = error instanceof Error ? error.message : String(error)
    throw new Error(message.replace(/^Error transforming [^:]*: /, ''))
  }
}
