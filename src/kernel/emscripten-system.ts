/** System calls on time, randomness and the process: what Emscripten's libc asks of its JavaScript and of WASI. */
import { BORDER } from '../limits.ts'
import type { AnySyscall, Syscall, SyscallContext } from './emscripten-context.ts'
import { errno } from './errno.ts'
import type { GuestMemory } from './guest-memory.ts'

const utf8 = new TextEncoder()

/** Clocks of WASI: 0 is the wall's, and those of the process count from the sandbox's start, as the monotonic one does. */
const WALL = 0
const LAST_CLOCK = 3
/** What a coarse clock is told to resolve, in nanoseconds. */
const RESOLUTION = 1_000_000n

const readClock = ({ process, memory }: SyscallContext, clock: number, _precision: bigint, out: number): number => {
  if (clock >>> 0 > LAST_CLOCK) throw errno('EINVAL')
  const { clock: time } = process.services
  memory.setU64(out, BigInt(Math.round((clock === WALL ? time.wallMs() : time.monotonicMs()) * 1e6)))
  return 0
}

const fillRandom: Syscall = ({ process, memory }, out, length) => {
  if (length >>> 0 > BORDER.randomBytes) throw errno('EINVAL')
  memory.range(out, length)
  memory.write(out, process.services.random.fill(length >>> 0))
  return 0
}

/** Fields of a `struct tm`, as words: seconds, minutes, hours, day, month, years since 1900, weekday, day of the year, summer time, offset. */
const TM_WORDS = 10
const DAY_MS = 86_400_000
/** What a date of JavaScript reaches to. */
const LAST_SECOND = 8.64e12

function writeTime(memory: GuestMemory, pointer: number, date: Date): void {
  const year = date.getUTCFullYear()
  const yearDay = Math.floor((date.getTime() - utcOf([year, 0, 1, 0, 0, 0])) / DAY_MS)
  const words = [
    ...[date.getUTCSeconds(), date.getUTCMinutes(), date.getUTCHours()],
    ...[date.getUTCDate(), date.getUTCMonth(), year - 1900, date.getUTCDay(), yearDay, 0, 0],
  ]
  words.forEach((word, at) => memory.setU32(pointer + at * 4, word))
}

/** `Date.UTC` takes years below 100 for ones of the last century. */
function utcOf(fields: [number, number, number, number, number, number]): number {
  const date = new Date(0)
  date.setUTCFullYear(fields[0], fields[1], fields[2])
  date.setUTCHours(fields[3], fields[4], fields[5])
  return date.getTime()
}

/** Seconds to their calendar form. A guest learns no time zone: its local time is UTC. */
const toCalendar = ({ memory }: SyscallContext, seconds: bigint, out: number): number => {
  const bounded = Math.max(-LAST_SECOND, Math.min(Number(seconds), LAST_SECOND))
  memory.range(out, TM_WORDS * 4)
  writeTime(memory, out, new Date(bounded * 1000))
  return 0
}

/** The seconds of a calendar form, which is put in order as `mktime` must; -1 where no date is that far. */
function fromCalendar({ memory }: SyscallContext, pointer: number): bigint {
  const word = (at: number): number => memory.u32(pointer + at * 4) | 0
  const milliseconds = utcOf([word(5) + 1900, word(4), word(3), word(2), word(1), word(0)])
  if (Number.isNaN(milliseconds)) return -1n
  writeTime(memory, pointer, new Date(milliseconds))
  return BigInt(milliseconds / 1000)
}

/** `tzset` is given a number of seconds, a flag, and room for two names of 17 bytes. */
const setZone: Syscall = ({ memory }, seconds, daylight, standard, summer) => {
  memory.setU32(seconds, 0)
  memory.setU32(daylight, 0)
  for (const name of [standard, summer]) memory.write(name, utf8.encode('UTC\0'))
  return 0
}

const programName: Syscall = ({ memory }, out, size) => {
  memory.write(out, utf8.encode('python\0').subarray(0, size >>> 0))
  return 0
}

/** By their names in `wasi_snapshot_preview1`. */
export const wasiSystemCalls: Readonly<Record<string, AnySyscall>> = {
  clock_time_get: readClock,
  clock_res_get: ({ memory }, _clock: number, out: number) => {
    memory.setU64(out, RESOLUTION)
    return 0
  },
  random_get: fillRandom,
}

/** By their names in `env`. They have no result. */
export const quietSystemCalls: Readonly<Record<string, AnySyscall>> = {
  _gmtime_js: toCalendar,
  _localtime_js: toCalendar,
  _tzset_js: setZone,
  _emscripten_get_progname: programName,
}

/** By their names in `env`. Their results are no errnos. */
export const valueSystemCalls: Readonly<
  Record<string, (context: SyscallContext, ...args: never[]) => number | bigint>
> = {
  _timegm_js: fromCalendar,
  _mktime_js: fromCalendar,
  emscripten_date_now: ({ process }) => process.services.clock.wallMs(),
  emscripten_get_now: ({ process }) => process.services.clock.monotonicMs(),
}
