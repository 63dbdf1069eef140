/** The fields that grants of several resources share: durations, times, quotas, patterns, names. */
import * as z from 'zod'
import { tryParseNetwork } from './address.ts'
import { tryParseGlob, tryParseUrlGlob } from './glob.ts'
import { tryParseHostGlob } from './host-glob.ts'
import { once } from './once.ts'

/** Patterns or names of a grant. */
export const ITEMS = 256
const NAME_LENGTH = 255
const DAY_MS = 86_400_000

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: DAY_MS } as const

/** A duration such as `5m`, in milliseconds. */
export function durationMs(text: string): number {
  const parts = /^(\d+)([a-z]+)$/.exec(text)
  const unit = UNIT_MS[parts?.[2] as keyof typeof UNIT_MS]
  return Number(parts?.[1]) * unit
}

function checked(parse: (text: string) => unknown) {
  return z.string().superRefine((text, context) => {
    const parsed = parse(text)
    if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: parsed })
  })
}

/** The first and the last port. */
export function portRange(given: number | string): [low: number, high: number] {
  if (typeof given === 'number') return [given, given]
  const [low, high] = given.split('-').map(Number)
  return [low!, high!]
}

const PORT_WORDS = 'must be a port from 1 to 65535, or a range such as "8000-8099"'

function isPortRange(text: string): boolean {
  const [low, high] = portRange(text)
  return /^[1-9]\d{0,4}-[1-9]\d{0,4}$/.test(text) && low <= high && high <= 65_535
}

export function actionsOf<const T extends readonly [string, ...string[]]>(...actions: T) {
  return z.array(z.enum(actions)).min(1).max(actions.length)
}

/** The schemas of fields. */
export const fields = once(() => {
  /** `{ per: '1s', burst: 10 }`: ten calls a second, evenly refilled, all ten at once if none came before. */
  const rate = z.strictObject({
    per: z
      .string()
      .regex(/^[1-9]\d{0,6}(ms|s|m|h|d)$/, 'must be a duration such as "500ms", "1s", "5m", "1h" or "1d"')
      .refine((text) => durationMs(text) <= 366 * DAY_MS, 'must be at most 366 days'),
    burst: z.int().min(1).max(1_000_000),
  })

  const calls = z.int().min(0)
  const quota = z.strictObject({ calls: calls.optional(), bytes: z.int().min(0).optional() })
  const callQuota = z.strictObject({ calls: calls.optional() })

  /** An ISO 8601 time with its zone, or milliseconds since 1970; kept as milliseconds. */
  const time = z.union(
    [z.int().min(0), z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))],
    'must be an ISO time with a zone, such as "2030-01-31T12:00:00Z", or milliseconds since 1970',
  )

  const pathPattern = checked(tryParseGlob)
  const urlPattern = checked(tryParseUrlGlob)
  const hostPattern = checked(tryParseHostGlob)
  const network = checked(tryParseNetwork)

  const name = z
    .string()
    .min(1)
    .max(NAME_LENGTH)
    .refine((text) => text.isWellFormed(), 'is not valid Unicode')
    .refine((text) => !/[\u0000-\u001f\u007f]/.test(text), 'has a control character')
    .refine((text) => !/[*?[\]{}]/.test(text), 'names are exact: no patterns')

  const variable = name.refine((text) => !text.includes('='), 'has "=" in it')

  /** A port, or ports from one to another: `443`, `'8000-8099'`. */
  const port = z.union([z.int().min(1).max(65_535), z.string().refine(isPortRange, PORT_WORDS)], PORT_WORDS)

  /** What every grant may say of when and how often it holds, and of what it does to the flow of secrets. */
  const conditions = {
    rate: rate.optional(),
    notBefore: time.optional(),
    expires: time.optional(),
    /** `raises`: once it was used, the sandbox holds a secret. `forbiddenAfter`: it is closed from then on, forks included. */
    flow: z
      .strictObject({ raises: z.literal('secret').optional(), forbiddenAfter: z.literal('secret').optional() })
      .optional(),
  }

  /** Each call waits until the embedding program says yes. */
  const approval = z.literal('required').optional()
  return {
    rate,
    quota,
    callQuota,
    pathPattern,
    urlPattern,
    hostPattern,
    network,
    name,
    variable,
    port,
    conditions,
    approval,
  }
})
