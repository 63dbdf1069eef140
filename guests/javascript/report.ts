/** What was thrown and not caught in, what the host is told of it out: bounded text, whatever the value does when it is read. */
import { concat, create, isError, sliceText, toWellFormed } from './primordials.ts'
import { part } from './parts.ts'

/** Longest texts that the host takes, in UTF-16 units (engines/quickjs/outcome.ts). */
const MESSAGE_LENGTH = 1_800
const STACK_LENGTH = 8_000
/** How much of a message the errors behind an error may take. */
const BEHIND_LENGTH = 800
/** Errors behind an error that are told: causes of causes, and of those of an AggregateError. */
const CAUSES = 4

/** A property of something that was thrown. Its getter may run, and throw. */
function read(from: object, name: string): unknown {
  try {
    return (from as Record<string, unknown>)[name]
  } catch {
    return undefined
  }
}

function textOf(error: object, name: string, length: number): string | undefined {
  const text = read(error, name)
  return typeof text === 'string' ? bounded(text, length) : undefined
}

/** Whether the engine itself gave up: there is no room to say more. */
export function isExhaustion(error: unknown): boolean {
  return isObject(error) && read(error, 'name') === 'InternalError'
}

/** What an error says of itself, and in its message of the errors behind it. */
export function describe(error: unknown): Record<string, unknown> {
  const report: Record<string, unknown> = create(null)
  if (!isObject(error)) {
    report.message = bounded(concat('uncaught ', typeof error, ': ', shownPrimitive(error)), MESSAGE_LENGTH)
    return report
  }
  report.name = textOf(error, 'name', 100)
  report.code = textOf(error, 'code', 100)
  report.stack = textOf(error, 'stack', STACK_LENGTH)
  report.message = textOf(error, 'message', MESSAGE_LENGTH)
  if (report.message === undefined)
    report.message = isError(error) ? '' : concat('an object that is no error was thrown: ', shownObject(error))
  // The engine's own: out of memory, or of stack. There is no room to look further.
  if (report.name === 'InternalError') return report
  const behind = bounded(behindOf(error), BEHIND_LENGTH)
  if (behind !== '') report.message = concat(bounded(report.message as string, MESSAGE_LENGTH - BEHIND_LENGTH), behind)
  return report
}

/** A value in a few words, as an error's message can hold it. */
export function shown(value: unknown): string {
  return isObject(value) ? shownObject(value) : shownPrimitive(value)
}

/** Lines for an error's cause and for what an AggregateError gathers. */
function behindOf(error: object): string {
  let text = ''
  let at: unknown = error
  for (let depth = 0; depth < CAUSES && isObject(at); depth++) {
    const errors = read(at, 'errors')
    for (let index = 0; index < CAUSES && isObject(errors); index++) {
      const one = read(errors, concat(index))
      if (one === undefined) break
      text = concat(text, '\n[error]: ', brief(one))
    }
    at = read(at, 'cause')
    if (at !== undefined) text = concat(text, '\n[cause]: ', brief(at))
  }
  return text
}

/** An error's name and message; another value as it is shown. */
function brief(value: unknown): string {
  if (!isObject(value) || !isError(value)) return shown(value)
  const name = textOf(value, 'name', 100)
  return bounded(concat(name === undefined ? 'Error' : name, ': ', textOf(value, 'message', 300) ?? ''), 400)
}

/** The content of an object as `console.log` shows it, on one line. */
function shownObject(value: object): string {
  try {
    const { inspect } = part<{ inspect(value: unknown, options: object): string }>('inspect')
    const options = { depth: 1, maxArrayLength: 10, maxStringLength: 100, breakLength: 1e9, customInspect: false }
    return bounded(inspect(value, options), 300)
  } catch {
    return 'an object'
  }
}

/** Null, undefined, a number, a string, a boolean, a bigint or a symbol, as text. */
function shownPrimitive(value: unknown): string {
  return typeof value === 'symbol' ? 'of the program' : concat(value as string)
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' || typeof value === 'function') && value !== null
}

function bounded(text: string, length: number): string {
  return toWellFormed(text.length > length ? concat(sliceText(text, 0, length), '…') : text)
}
