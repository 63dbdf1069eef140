/** A result that is not simply good in, a few lines for a person on stderr out: what failed, where, and what would allow it. */
import type { Denial, RunError, RunResult, TraceEvent } from '../index.ts'
import { formatDuration, formatSize } from './quantities.ts'
import type { Paint } from './terminal.ts'
import { visible } from './terminal-text.ts'

/** Lines of a guest's stack that are shown. */
const STACK_LINES = 10

/** The options that change a limit, by the code of the error. */
const LIMIT_HINTS: Readonly<Record<string, string>> = {
  TOKA_LIMIT_TIME: 'raise it with --timeout',
  TOKA_LIMIT_FUEL: 'raise it with --fuel',
  TOKA_LIMIT_MEMORY: 'raise it with --memory',
}

/**
 * @returns lines without line ends, none when all went well
 */
export function summarise(name: string, result: RunResult, paint: Paint): string[] {
  return [...endingLines(name, result, paint), ...truncationLines(result, paint), ...denialLines(result.denials, paint)]
}

const say = (paint: Paint, text: string): string => `${paint('dim', 'toka:')} ${text}`

function endingLines(name: string, result: RunResult, paint: Paint): string[] {
  const { status, error } = result
  if (status === 'completed' || !error) return []
  const word = status === 'limit' ? 'stopped' : status
  const hint = LIMIT_HINTS[error.code]
  const first = `${paint('bold', visible(name))} ${paint('red', word)}: ${visible(error.message)}${hint ? ` - ${hint}` : ''}`
  const after =
    status === 'limit'
      ? [
          say(
            paint,
            `after ${formatDuration(result.usage.wallMs)}, ${result.usage.fuel.toLocaleString('en')} units of fuel, ${formatSize(result.usage.memoryBytes)}`,
          ),
        ]
      : []
  // Python prints its traceback itself.
  const isPrinted = error.guestStack !== undefined && result.stderr.includes(error.guestStack)
  return [say(paint, first), ...(isPrinted ? [] : stackLines(error)), ...after]
}

/** The frames. QuickJS repeats the message above them: once is enough. */
function stackLines({ message, guestStack }: RunError): string[] {
  if (!guestStack) return []
  const frames = guestStack.startsWith(message) ? guestStack.slice(message.length) : guestStack
  const lines = visible(frames, true)
    .split('\n')
    .filter((line) => line.trim() !== '')
  const shown = lines.slice(0, STACK_LINES).map((line) => `      ${line.trim()}`)
  return lines.length > STACK_LINES ? [...shown, `      … ${lines.length - STACK_LINES} more`] : shown
}

function truncationLines(result: RunResult, paint: Paint): string[] {
  return (['stdout', 'stderr'] as const)
    .filter((stream) => result.truncated[stream])
    .map((stream) => say(paint, `${stream} was cut: raise the limit with --output`))
}

/** One line a denial; the same denial again is counted. */
export function denialLines(denials: readonly Denial[], paint: Paint): string[] {
  const counts = new Map<string, number>()
  for (const denial of denials) {
    const line = denialText(denial, paint)
    counts.set(line, (counts.get(line) ?? 0) + 1)
  }
  return [...counts].map(([line, count]) => say(paint, count === 1 ? line : `${line} (${count} times)`))
}

/** `fs.read /data/x denied: add --allow 'fs.read=/data/**'`; a reason other than a missing grant is named, and what a token allows. */
function denialText({ operation, resource, reason, allow, token }: Denial, paint: Paint): string {
  const why = reason === 'no-grant' ? '' : ` (${reason})`
  const what = `${operation} ${visible(resource)} ${paint('yellow', 'denied')}${why}`
  const had = token ? `; it allows ${visible(token.allows.join(', ') || 'nothing of the kind', true)}` : ''
  if (allow === '') return `${what}${had}`
  return `${what}: ${allow.startsWith('--allow') ? 'add' : 'needs'} ${paint('cyan', visible(allow))}${had}`
}

/** One line of `--trace`. */
export function traceLine(event: TraceEvent, paint: Paint): string {
  const verdict = event.verdict === 'allowed' ? paint('green', 'allowed') : paint('yellow', 'denied ')
  const reason = event.reason ? `  ${visible(event.reason)}` : ''
  return `${paint('dim', 'trace:')} ${verdict}  ${event.operation} ${visible(event.resource)}  ${event.microseconds.toFixed(1)} µs${reason}`
}
