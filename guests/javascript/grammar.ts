/** A source that is neither script nor module: which of the two errors tells its author more. */
import { charCodeAt, indexOfText, isError, concat } from './primordials.ts'

/** More than any column: what a line counts. */
const LINE = 2 ** 32

/** Where the parser stopped in the file, as one number; -1 for an error that does not say. */
function placeOf(error: unknown, filename: string): number {
  let stack: unknown
  try {
    stack = isError(error) ? error.stack : undefined
  } catch {
    return -1
  }
  if (typeof stack !== 'string') return -1
  const frame = concat('\n    at ', filename, ':')
  const found = indexOfText(stack, frame)
  if (found < 0) return -1
  let line = 0
  let number = 0
  for (let index = found + frame.length; index < stack.length; index++) {
    const digit = charCodeAt(stack, index) - 0x30
    if (digit >= 0 && digit <= 9) number = number * 10 + digit
    else if (line === 0 && digit === 10) {
      line = number
      number = 0
    } else break
  }
  return line * LINE + number
}

/**
 * The error of the grammar that took more of the source: a module with a slip in its last line is no script from its
 * first `import` on, and a script that says `with` is no module from there on.
 */
export function tellingError(script: unknown, module: unknown, filename: string): unknown {
  const end = placeOf(module, filename)
  return script !== undefined && end >= 0 && placeOf(script, filename) > end ? script : module
}
