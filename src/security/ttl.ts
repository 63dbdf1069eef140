/** How long something lives: milliseconds or a text such as `15m` in, milliseconds out. */
import { durationMs } from '../../capabilities/schema-fields.ts'
import { TokaError } from '../errors.ts'

/** @throws TokaError TOKA_GRANT_INVALID */
export function parseTtl(given: number | string): number {
  const ms = typeof given === 'number' ? given : /^\d+(ms|s|m|h|d)$/.test(given) ? durationMs(given) : Number.NaN
  if (Number.isFinite(ms) && ms > 0) return ms
  throw new TokaError(
    'TOKA_GRANT_INVALID',
    `a duration must be milliseconds above zero, or such as "500ms", "15m", "1h" or "7d", not ${JSON.stringify(given)}`,
  )
}
