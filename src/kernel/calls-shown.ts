/** Calls by which a guest shows something: the console, progress, values to display. */
import { BORDER } from '../limits.ts'
import { Argument, u32Answer } from './argument.ts'
import { type Handler, named } from './calls-descriptors.ts'
import { errno } from './errno.ts'
import { Operation } from './operations.ts'
import { CONSOLE_LEVELS } from './shown.ts'
import { chain } from './steps.ts'

const NOTHING = new Uint8Array(0)
/** From this level on lines go to stderr. */
const WARN = CONSOLE_LEVELS.indexOf('warn')

export const shownCalls: Readonly<Record<number, Handler>> = {
  [Operation.ConsoleWrite]: (process, bytes) =>
    named('write', () => {
      const argument = new Argument(bytes)
      const number = argument.u32()
      const level = CONSOLE_LEVELS[number]
      if (level === undefined) throw errno('EINVAL')
      const file = process.descriptors.get(number < WARN ? 1 : 2)
      const piece = argument.rest().subarray(0, BORDER.transferBytes)
      return chain(
        process.atLevel(level, () => file.write(piece)),
        u32Answer,
      )
    }),

  [Operation.Progress]: (process, bytes) => {
    process.shown.progress(bytes)
    return NOTHING
  },

  [Operation.Display]: (process, bytes) => {
    process.shown.display(bytes)
    return NOTHING
  },
}
