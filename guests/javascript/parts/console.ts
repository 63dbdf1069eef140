/** `console`: formatted as Node does, written to the descriptors of the run. */
import { writeAll } from '../files/write.ts'
import { elapsed } from '../web/performance.ts'
import { ConsoleWrite } from '../operations.generated.ts'
import { part } from '../parts.ts'
import { SafeMap } from '../primordials.ts'
import { atStart } from '../run.ts'
import { tagClass } from '../realm/define.ts'
import { toUtf8 } from '../web/utf8.ts'

/** Levels at the border: up to debug they go to stdout. */
const LOG = 0
const INFO = 1
const DEBUG = 2
const WARN = 3
const ERROR = 4
const TRACE = 5
const GROUP = '  '

let indent = ''
let counts = new SafeMap<string, number>()
let timers = new SafeMap<string, number>()

atStart(() => {
  indent = ''
  counts = new SafeMap()
  timers = new SafeMap()
})

function print(level: number, text: string): void {
  const lines = indent === '' ? text : indent + text.replaceAll('\n', `\n${indent}`)
  writeAll(level, toUtf8(`${lines}\n`), ConsoleWrite)
}

/** What is printed as it is, for which the formatter need not be there: a text that cannot be a format, a number. */
function plain(value: unknown, isFirst: boolean): string | undefined {
  if (typeof value === 'string') return isFirst && value.includes('%') ? undefined : value
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : `${value}`
  return undefined
}

/** Texts and numbers, joined. @returns undefined when something else is among them */
function formatPlain(values: unknown[]): string | undefined {
  if (values.length === 1 && typeof values[0] === 'string') return values[0]
  let text = ''
  for (let index = 0; index < values.length; index++) {
    const shown = plain(values[index], index === 0)
    if (shown === undefined) return undefined
    text += index === 0 ? shown : ` ${shown}`
  }
  return text
}

/** Formats as Node does; a value whose getters or traps throw takes nothing else down with it. */
function format(values: unknown[]): string {
  try {
    return formatPlain(values) ?? part<typeof import('./inspect.ts')>('inspect').formatWithOptions({}, ...values)
  } catch {
    return values.map((value) => (typeof value === 'string' ? value : show(value))).join(' ')
  }
}

function show(value: unknown, options?: object): string {
  try {
    return part<typeof import('./inspect.ts')>('inspect').inspect(value, options)
  } catch {
    return '[a value that cannot be shown]'
  }
}

const say = (level: number, values: unknown[]) => print(level, format(values))

function duration(label: string): string | undefined {
  const began = timers.get(label)
  if (began === undefined) {
    say(WARN, [`Warning: No such label '${label}' for console.time()`])
    return undefined
  }
  const ms = elapsed() - began
  return ms >= 1_000 ? `${(ms / 1_000).toFixed(3)}s` : `${Number(ms.toFixed(3))}ms`
}

class Console {
  log = (...values: unknown[]): void => say(LOG, values)
  info = (...values: unknown[]): void => say(INFO, values)
  debug = (...values: unknown[]): void => say(DEBUG, values)
  error = (...values: unknown[]): void => say(ERROR, values)
  warn = (...values: unknown[]): void => say(WARN, values)

  trace = (...values: unknown[]): void => {
    const here = new Error(format(values))
    here.name = 'Trace'
    print(TRACE, String(here.stack))
  }

  assert = (condition: unknown, ...values: unknown[]): void => {
    if (condition) return
    if (typeof values[0] === 'string') say(ERROR, [`Assertion failed: ${values[0]}`, ...values.slice(1)])
    else say(ERROR, values.length === 0 ? ['Assertion failed'] : ['Assertion failed:', ...values])
  }

  dir = (value: unknown, options?: object): void => print(LOG, show(value, { customInspect: false, ...options }))
  dirxml = (...values: unknown[]): void => say(LOG, values)

  table = (data: unknown, columns?: string[]): void => {
    const table =
      typeof data === 'object' && data !== null
        ? part<typeof import('./inspect.ts')>('inspect').renderTable(data, columns)
        : undefined
    if (table === undefined) say(LOG, [data])
    else print(LOG, table)
  }

  group = (...values: unknown[]): void => {
    if (values.length > 0) say(LOG, values)
    indent += GROUP
  }

  groupCollapsed = (...values: unknown[]): void => this.group(...values)

  groupEnd = (): void => {
    indent = indent.slice(GROUP.length)
  }

  count = (label: unknown = 'default'): void => {
    const name = `${label}`
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    say(LOG, [`${name}: ${count}`])
  }

  countReset = (label: unknown = 'default'): void => {
    counts.delete(`${label}`)
  }

  time = (label: unknown = 'default'): void => {
    if (timers.has(`${label}`)) say(WARN, [`Warning: Label '${label}' already exists for console.time()`])
    else timers.set(`${label}`, elapsed())
  }

  timeLog = (label: unknown = 'default', ...values: unknown[]): void => {
    const spent = duration(`${label}`)
    if (spent !== undefined) say(LOG, [`${label}: ${spent}`, ...values])
  }

  timeEnd = (label: unknown = 'default'): void => {
    const spent = duration(`${label}`)
    timers.delete(`${label}`)
    if (spent !== undefined) say(LOG, [`${label}: ${spent}`])
  }
}

tagClass(Console, 'console')

export const console = new Console()
