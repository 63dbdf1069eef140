/** Choices in, the arguments of one host call out: sensible ones, so that calls come far, and hostile ones. */
import { encodeValue } from '../../src/kernel/values.ts'
import { Operation } from '../../src/kernel/operations.ts'
import { bytes, concat, f64, u32 } from '../unit/kernel-guest.ts'
import { type Next, pick, randomBytes } from './numbers.ts'
import { makeValue } from './values.ts'

const OPERATIONS: readonly number[] = Object.values(Operation)
/** Calls that change files and descriptors: the invariants are about them. */
const FREQUENT = [
  Operation.PathOpen,
  Operation.PathOpen,
  Operation.PathOpen,
  Operation.PathOpen,
  Operation.FdWrite,
  Operation.FdWrite,
  Operation.FdWrite,
  Operation.FdRead,
  Operation.FdTruncate,
  Operation.FdClose,
  Operation.PathRename,
  Operation.PathLink,
  Operation.PathMakeDirectory,
  Operation.PathRemoveFile,
  Operation.ToolCall,
]

const NAMES = ['a', 'b', 'd', 'tmp', 'm', 's', '..', '.', '', 'link', '__proto__', 'e\u0301', 'x'.repeat(255)]
const ODD_PATHS = ['', '\0', '/a\0b', `/${'x'.repeat(256)}`, '/a'.repeat(2_100), '/d'.repeat(130), '\\\\?\\', '/m/../a']
const NUMBERS = [0, 0, 1, 3, 10, 100, 5_000, 2 ** 31, 2 ** 53, -1, -5, 1.5, Number.NaN, Number.POSITIVE_INFINITY, -0]

export function makeOperation(next: Next): number {
  const choice = next(16)
  return choice < 11 ? pick(next, FREQUENT) : choice < 15 ? pick(next, OPERATIONS) : next(2 ** 32)
}

function makePath(next: Next): string {
  if (next(12) === 0) return pick(next, ODD_PATHS)
  const root = pick(next, ['/', '/', '/m/', '/s/', '/d/', ''])
  return (
    root +
    Array.from({ length: next(2) ? 1 : 1 + next(3) }, () =>
      pick(next, NAMES.slice(0, 3 + next(NAMES.length - 2))),
    ).join('/')
  )
}

const makeDescriptor = (next: Next): number => (next(10) ? next(9) : pick(next, [255, 2 ** 31, 2 ** 32 - 1]))
const makeData = (next: Next): Uint8Array => new Uint8Array(next(4) ? next(64) : next(3_000)).fill(1 + next(255))

/** Open's bits as fopen has them, or any. */
const makeIntent = (next: Next): number => (next(4) ? pick(next, [1, 3, 6, 7, 6, 7, 22, 14, 38]) : next(2 ** 32))

function sensible(next: Next, operation: number): Uint8Array {
  switch (operation) {
    case Operation.FdWrite:
      return concat(u32(makeDescriptor(next)), makeData(next))
    case Operation.FdRead:
      return concat(
        u32(makeDescriptor(next), next(4) ? next(300) : next(2 ** 32)),
        f64(next(2) ? -1 : pick(next, NUMBERS)),
      )
    case Operation.FdTruncate:
      return concat(u32(makeDescriptor(next)), f64(pick(next, NUMBERS)))
    case Operation.FdClose:
    case Operation.FdStat:
    case Operation.FdSync:
      return u32(makeDescriptor(next))
    case Operation.PathOpen:
      return concat(u32(makeIntent(next)), bytes(makePath(next)))
    case Operation.PathStat:
      return concat(u32(next(2)), bytes(makePath(next)))
    case Operation.PathList:
      return concat(f64(pick(next, NUMBERS)), bytes(makePath(next)))
    case Operation.PathRename:
    case Operation.PathSymlink:
    case Operation.PathLink:
      return encodeValue([makePath(next), makePath(next)])
    case Operation.PathSetTimes:
      return encodeValue([makePath(next), pick(next, NUMBERS), pick(next, NUMBERS)])
    case Operation.ClockNow:
      return u32(next(3))
    case Operation.ClockSleep:
      return f64(pick(next, NUMBERS))
    case Operation.RandomFill:
      return u32(next(4) ? next(300) : next(2 ** 32))
    case Operation.EnvironmentRead:
      return bytes(makePath(next))
    case Operation.ToolCall: {
      const name = bytes(pick(next, ['now', 'later', 'fails', 'large', 'unknown', '']))
      return concat(u32(next(10) ? name.length : next(2 ** 32)), name, encodeValue(makeValue(next, 2)))
    }
    case Operation.ProcessInfo:
    case Operation.ToolList:
    case Operation.DirectoryCurrent:
      return new Uint8Array(0)
    default:
      return bytes(makePath(next))
  }
}

export function makeArgument(next: Next, operation: number): Uint8Array {
  if (next(12) === 0) return randomBytes(next, next(40))
  const argument = sensible(next, operation)
  return next(16) === 0 ? argument.slice(0, next(argument.length + 1)) : argument
}
