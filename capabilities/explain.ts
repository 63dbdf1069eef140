/** A schema's complaint in, words that say what is expected and what was given out: for options and grants alike. */
import type * as z from 'zod'

const KINDS: Record<string, string> = {
  array: 'an array',
  object: 'an object',
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  record: 'an object',
  function: 'a function',
}

/** A value in a few words. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 60))
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value)
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `of type ${typeof value}`
}

const given = (input: unknown): string => (input === undefined ? '; it is missing' : `, it is ${show(input)}`)

const unitOf: Record<string, string> = { array: ' items', string: ' characters' }

/** For `safeParse(value, { error: explain })`. Leaves texts of our own as they are. */
export function explain(issue: z.core.$ZodRawIssue): string | undefined {
  const { input } = issue
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${KINDS[issue.expected] ?? issue.expected}${given(input)}`
    case 'too_small':
      return `must be ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}${unitOf[issue.origin] ?? ''}${given(input)}`
    case 'too_big':
      return `must be ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}${unitOf[issue.origin] ?? ''}${given(input)}`
    case 'invalid_value':
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}${given(input)}`
    case 'invalid_key':
      return `has a key that cannot be: ${issue.issues[0]!.message}`
    default:
      return undefined
  }
}
