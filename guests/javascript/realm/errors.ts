/** Stacks as programs expect them: with the error's own first line, without the prelude's frames, and without functions. */
import {
  defineProperty,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  indexOfText,
  sliceText,
  startsWith,
  uncurry,
  concat,
} from '../primordials.ts'
import { defineHidden } from './define.ts'

type CallSite = { getFunction(): unknown }
type StackError = typeof Error & {
  prepareStackTrace: unknown
  captureStackTrace: (target: object, above?: unknown) => void
}

const errors = Error as StackError
const nativeStack = getOwnPropertyDescriptor(Error.prototype, 'stack')
const readStack = uncurry(nativeStack?.get as (this: unknown) => unknown)
const errorText = uncurry(Error.prototype.toString)

/** A native function without a name is one of the bridge's. */
const BRIDGE = '    at <anonymous> (native)'
/** The engine's name for the top level of a script, of which V8 shows the place alone. */
const TOP_LEVEL = '    at <eval> ('

/** A frame of the prelude: it is evaluated without a file name, see the bridge's `boot`. */
function isOurs(line: string): boolean {
  const at = indexOfText(line, '(')
  if (at < 0) return startsWith(line, '    at :')
  return line === BRIDGE || startsWith(line, '(:', at) || startsWith(line, '(<null>:', at)
}

/** The engine's frames, each on its line with the ones of the prelude and the bridge left out. */
function guestFrames(trace: string): string {
  let frames = ''
  for (let start = 0; start < trace.length; ) {
    const found = indexOfText(trace, '\n', start)
    const end = found < 0 ? trace.length : found
    const line = sliceText(trace, start, end)
    if (startsWith(line, TOP_LEVEL)) frames += concat('\n    at ', sliceText(line, TOP_LEVEL.length, line.length - 1))
    else if (line !== '' && !isOurs(line)) frames += concat('\n', line)
    start = end + 1
  }
  return frames
}

/** QuickJS leaves out the first line that V8 and many libraries put there. */
function withFirstLine(error: unknown, trace: unknown): unknown {
  if (typeof trace !== 'string' || (trace !== '' && !startsWith(trace, '    at '))) return trace
  let title = 'Error'
  try {
    title = errorText(error as Error)
  } catch {
    // A name or message that cannot be read leaves the plain word.
  }
  return title + guestFrames(trace)
}

function completeStacks(): void {
  const methods = {
    get stack(): unknown {
      return withFirstLine(this, readStack(this))
    },
  }
  defineProperty(Error.prototype, 'stack', {
    get: getOwnPropertyDescriptor(methods, 'stack')?.get as () => unknown,
    set: nativeStack?.set as (value: unknown) => void,
    enumerable: false,
    configurable: true,
  })
  const capture = errors.captureStackTrace
  const replacement = {
    captureStackTrace(target: object, above?: unknown): void {
      capture(target, above)
      const made = getOwnPropertyDescriptor(target, 'stack')
      if (made === undefined || typeof made.value !== 'string') return
      defineHidden(target, 'stack', withFirstLine(target, made.value))
    },
  }
  defineHidden(Error, 'captureStackTrace', replacement.captureStackTrace)
}

/**
 * A call site of quickjs-ng hands out the function of its frame, strict ones too (V8 answers undefined for those):
 * `Error.prepareStackTrace` would hand the prelude's own functions to the guest.
 */
function hideFunctions(): void {
  let site: CallSite | undefined
  errors.prepareStackTrace = (_error: Error, sites: CallSite[]) => {
    site = sites[0]
    return ''
  }
  String(new Error('boot').stack)
  errors.prepareStackTrace = undefined
  if (site === undefined) throw new Error('this engine has no call sites')
  const methods = {
    getFunction(): undefined {
      return undefined
    },
  }
  const descriptor = { value: methods.getFunction, writable: false, enumerable: false, configurable: false }
  defineProperty(getPrototypeOf(site), 'getFunction', descriptor)
}

export function fixErrors(): void {
  hideFunctions()
  completeStacks()
}
