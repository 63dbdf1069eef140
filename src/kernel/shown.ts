/** What a guest shows besides its output: lines of the console with their levels, progress, values to display. Checked, counted, told. */
import { GuestFacingError } from './host-port.ts'
import { decodeValue } from './values.ts'

/** In the order of their numbers at the border. */
export const CONSOLE_LEVELS = ['log', 'info', 'debug', 'warn', 'error', 'trace'] as const
export type ConsoleLevel = (typeof CONSOLE_LEVELS)[number]

/** A value in one or more forms, by MIME type. The guest made it: data to look at, never trusted. */
export type DisplayData = Record<string, string | Uint8Array>
export type Progress = { fraction?: number; message?: string }

/** Where it is told; must not throw. */
export type ShownListener = (event: ({ type: 'progress' } & Progress) | { type: 'display'; data: DisplayData }) => void

/** UTF-16 units of a progress message. */
export const PROGRESS_UNITS = 1_000
/** Forms of one value, and the bytes that one costs beside its content: many small ones are no way around the limit. */
export const DISPLAY_FORMS = 16
const FORM_BYTES = 256
/** A type and a subtype as RFC 6838 restricts them, in lower case, without parameters. */
const MIME_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/
const PROGRESS_LIMITS = { structuredBytes: 8 * PROGRESS_UNITS, flatBytes: 0, nodes: 4, depth: 1 }

export const isMimeType = (text: string): boolean => MIME_TYPE.test(text)

function unsupported(message: string): GuestFacingError {
  return new GuestFacingError('TOKA_VALUE_UNSUPPORTED', message)
}

export class Shown {
  readonly #tell: ShownListener | undefined
  readonly #most: number
  #left: number

  /**
   * @param limit bytes of all values to display together
   * @param tell gets what was checked; without it the same is refused, and nothing kept
   */
  constructor(limit: number, tell?: ShownListener) {
    this.#most = limit
    this.#left = limit
    this.#tell = tell
  }

  /** @param argument an encoded [fraction, message], either undefined */
  progress(argument: Uint8Array): void {
    const [fraction, message] = decoded(argument, PROGRESS_LIMITS, 'progress') as unknown[]
    const isFraction = fraction === undefined || (typeof fraction === 'number' && fraction >= 0 && fraction <= 1)
    const isMessage = message === undefined || (typeof message === 'string' && message.length <= PROGRESS_UNITS)
    if (!isFraction) throw unsupported('progress: the fraction must be a number from 0 to 1')
    if (!isMessage) throw unsupported(`progress: the message must be a string of at most ${PROGRESS_UNITS} characters`)
    this.#tell?.({
      type: 'progress',
      ...(fraction === undefined ? {} : { fraction }),
      ...(message === undefined ? {} : { message }),
    })
  }

  /**
   * A value to display, as an encoded object of strings and bytes by MIME type.
   * @throws GuestFacingError TOKA_VALUE_UNSUPPORTED, TOKA_LIMIT_OUTPUT
   */
  display(argument: Uint8Array): void {
    this.#charge(argument.length)
    const limits = { structuredBytes: this.#most, flatBytes: this.#most, nodes: 2 * DISPLAY_FORMS + 2, depth: 1 }
    const data = checkForms(decoded(argument, limits, 'display'))
    this.#tell?.({ type: 'display', data })
  }

  #charge(bytes: number): void {
    const left = this.#left - bytes - FORM_BYTES
    if (left < 0)
      throw new GuestFacingError(
        'TOKA_LIMIT_OUTPUT',
        `display: the values shown by this run have more than ${this.#most.toLocaleString('en')} bytes (limits.outputBytes)`,
      )
    this.#left = left
  }
}

function decoded(argument: Uint8Array, limits: Parameters<typeof decodeValue>[1], what: string): object {
  let value: unknown
  try {
    value = decodeValue(argument, limits)
  } catch {
    throw unsupported(`${what}: the argument is too large or has too many parts`)
  }
  if (typeof value === 'object' && value !== null) return value
  throw unsupported(`${what}: the argument must be an object`)
}

/** The forms, in an object of their own. */
function checkForms(value: object): DisplayData {
  const forms = Object.getPrototypeOf(value) === Object.prototype ? Object.entries(value) : []
  if (forms.length === 0 || forms.length > DISPLAY_FORMS)
    throw unsupported(`display: expected an object with 1 to ${DISPLAY_FORMS} forms of a value by MIME type`)
  for (const [type, content] of forms as [string, unknown][]) {
    if (!isMimeType(type))
      throw unsupported(
        `display: ${JSON.stringify(type.slice(0, 100))} is no MIME type such as text/html, without parameters`,
      )
    if (typeof content !== 'string' && !(content instanceof Uint8Array))
      throw unsupported(`display: the value of ${type} must be a string or bytes`)
  }
  return Object.fromEntries(forms) as DisplayData
}
