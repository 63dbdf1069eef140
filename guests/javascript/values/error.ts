/** The error for a value that cannot cross the border. */
import { defineProperty, SafeTypeError } from '../primordials.ts'

/** Thrown by `encode`; `code` is TOKA_VALUE_UNSUPPORTED or TOKA_VALUE_SIZE, the message holds the path. */
export class ValueError extends SafeTypeError {
  constructor(message: string, code: string) {
    super(message)
    const descriptor = { __proto__: null, value: code, writable: true, enumerable: true, configurable: true }
    defineProperty(this, 'code', descriptor)
  }
}
