/** `toka`: what a program shows to who runs it, while it runs. */
import { callHost } from '../failures.ts'
import { Display, Progress } from '../operations.generated.ts'
import { tagClass } from '../realm/define.ts'
import { encode } from '../values/encode.ts'

class Toka {
  /**
   * Tells how far the program is.
   * @param fraction from 0 to 1, or a text alone
   */
  progress = (fraction?: number | string, message?: string): void => {
    callHost(Progress, encode(typeof fraction === 'string' ? [undefined, fraction] : [fraction, message]))
  }

  /** Shows a value in one or more forms: strings or bytes by MIME type, such as `{ 'image/png': bytes }`. */
  display = (data: Record<string, unknown>): void => {
    callHost(Display, encode(data))
  }
}

tagClass(Toka, 'toka')

export const toka = new Toka()
