/** Calls on open descriptors: read, write, stat, truncate, sync, close. */
import { BORDER } from '../limits.ts'
import { Argument, u32Answer } from './argument.ts'
import { reword } from './errno.ts'
import type { MaybePromise } from './host-port.ts'
import { Operation } from './operations.ts'
import type { Process } from './process.ts'
import { chain } from './steps.ts'
import { encodeValue } from './values.ts'

export type Handler = (process: Process, argument: Uint8Array) => MaybePromise<Uint8Array>

const NOTHING = new Uint8Array(0)

/** Puts the call's name on failures, those that come later too. */
export function named<T>(call: string, act: () => MaybePromise<T>, path?: string, other?: string): MaybePromise<T> {
  try {
    const answer = act()
    if (!(answer instanceof Promise)) return answer
    return answer.catch((error: unknown) => {
      throw reword(error, call, path, other)
    })
  } catch (error) {
    throw reword(error, call, path, other)
  }
}

/** Reads an argument: its failures carry the call's name. */
export function checked<T>(call: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw reword(error, call)
  }
}

const nothing = (): Uint8Array => NOTHING

export const descriptorCalls: Readonly<Record<number, Handler>> = {
  [Operation.FdWrite]: (process, bytes) =>
    named('write', () => {
      const argument = new Argument(bytes)
      const file = process.descriptors.get(argument.u32())
      return chain(file.write(argument.rest().subarray(0, BORDER.transferBytes)), u32Answer)
    }),

  [Operation.FdRead]: (process, bytes) =>
    named('read', () => {
      const argument = new Argument(bytes)
      const file = process.descriptors.get(argument.u32())
      const length = Math.min(argument.u32(), BORDER.transferBytes)
      const offset = argument.offset()
      argument.end()
      return file.read(length, offset)
    }),

  [Operation.FdClose]: (process, bytes) =>
    named('close', () => chain(process.descriptors.close(onlyNumber(bytes)), nothing)),

  [Operation.FdStat]: (process, bytes) =>
    named('fstat', () => chain(process.descriptors.get(onlyNumber(bytes)).stat(), (stat) => encodeValue(stat))),

  [Operation.FdTruncate]: (process, bytes) =>
    named('ftruncate', () => {
      const argument = new Argument(bytes)
      const file = process.descriptors.get(argument.u32())
      const size = argument.size()
      argument.end()
      return chain(file.truncate(size), nothing)
    }),

  [Operation.FdSync]: (process, bytes) =>
    named('fsync', () => chain(process.descriptors.get(onlyNumber(bytes)).sync(), nothing)),
}

function onlyNumber(bytes: Uint8Array): number {
  const argument = new Argument(bytes)
  const number = argument.u32()
  argument.end()
  return number
}
