/** One row of the import table: a type, and what stands behind it. */
import type { BorderImport } from '../../src/loader/border.ts'

export type ImportRow = Readonly<{
  /** As `(i32, i64) -> i32`. */
  type: string
  /**
   * `host`: a function of ours; `waits`: one that may have to wait for a driver; `constant`: a harmless number; `refused`:
   * a number, and the host hears of it; `denied`: the host hears of it, and the guest dies.
   */
  answer: 'host' | 'waits' | 'constant' | 'refused' | 'denied'
  value: number
}>

export const host = (type: string): ImportRow => ({ type, answer: 'host', value: 0 })
export const waits = (type: string): ImportRow => ({ type, answer: 'waits', value: 0 })
export const constant = (type: string, value: number): ImportRow => ({ type, answer: 'constant', value })
export const refused = (type: string, value: number): ImportRow => ({ type, answer: 'refused', value })
export const denied = (type: string): ImportRow => ({ type, answer: 'denied', value: 0 })

/** What the border makes of a row. */
export function borderPart({ answer, value }: ImportRow): Pick<BorderImport, 'mayWait' | 'constant'> {
  switch (answer) {
    case 'host':
      return {}
    case 'waits':
      return { mayWait: true }
    default:
      return { constant: { value, told: answer !== 'constant', fatal: answer === 'denied' } }
  }
}
