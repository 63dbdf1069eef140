/** Failures of host calls in, errors of the guest's realm out: with `code`, and for files as Node words them. */
import { call } from './natives.ts'
import { bytesTag, defineProperty, SafeError, SafeRangeError, SafeTypeError, concat } from './primordials.ts'
import { decode } from './values/decode.ts'

export type Coded = Error & { code: string }

type Failure = { code: string; message: string }

/** Gives an error an own property the way an assignment would, whatever stands on the prototypes. */
export function attach(error: Error, name: string, value: unknown): void {
  const descriptor = { __proto__: null, value, writable: true, enumerable: true, configurable: true }
  defineProperty(error, name, descriptor)
}

export function codedError(code: string, message: string, make: typeof SafeError = SafeError): Coded {
  const error = new make(message)
  attach(error, 'code', code)
  return error as Coded
}

/** What the host said went wrong. */
export function failureOf(payload: unknown): Failure {
  if (bytesTag(payload) !== 'Uint8Array') return { code: 'EIO', message: 'the host call failed' }
  return decode(payload as Uint8Array) as Failure
}

/** The error for the payload of a failed call. */
export function errorOf(payload: unknown): Coded {
  const { code, message } = failureOf(payload)
  return codedError(code, message)
}

/** A blocking host call whose failure is thrown as an error. */
export function callHost(operation: number, argument?: Uint8Array | string): Uint8Array {
  try {
    return call(operation, argument)
  } catch (thrown) {
    throw bytesTag(thrown) === 'Uint8Array' ? errorOf(thrown) : thrown
  }
}

export function invalidType(name: string, expected: string, actual: unknown): Coded {
  const given = actual === null ? 'null' : typeof actual
  const message = concat('The "', name, '" argument must be ', expected, '. Received ', given)
  return codedError('ERR_INVALID_ARG_TYPE', message, SafeTypeError as unknown as typeof SafeError)
}

export function outOfRange(name: string, expected: string, actual: unknown): Coded {
  const message = concat(
    'The value of "',
    name,
    '" is out of range. It must be ',
    expected,
    '. Received ',
    typeof actual === 'symbol' ? 'a symbol' : (actual as string),
  )
  return codedError('ERR_OUT_OF_RANGE', message, SafeRangeError as unknown as typeof SafeError)
}
