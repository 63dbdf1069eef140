/** What goes to the thread that transforms TypeScript, and what comes back, with the check of the latter. */
import { type Checked, count, either, fields, oneOf, text } from '../sandbox/checks.ts'

/** Largest TypeScript source, in UTF-16 units: an honest one of this size takes a second. */
export const TYPESCRIPT_UNITS = 2 ** 20

/** A source, and how many milliseconds it gets. */
export type Task = { job: number; source: string; budgetMs: number }

/** Enums become longer. */
const CODE_UNITS = 4 * TYPESCRIPT_UNITS

const done = fields({ kind: oneOf('done'), job: count, code: text(CODE_UNITS) })
const refused = fields({ kind: oneOf('refused'), job: count, message: text(10_000) })
const unfinished = fields({ kind: oneOf('unfinished'), job: count })

/** How a task ended: refused by the parser, or not done in its time. */
export const isReply = either(either(done, refused), unfinished)
export type Reply = Checked<typeof isReply>
