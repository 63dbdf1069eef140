/** Arguments of Node's file functions, checked and brought to one form. */
import { codedError, invalidType, outOfRange } from '../failures.ts'
import {
  OPEN_APPEND,
  OPEN_CREATE,
  OPEN_EXCLUSIVE,
  OPEN_READ,
  OPEN_TRUNCATE,
  OPEN_WRITE,
} from '../operations.generated.ts'
import { bytesIn } from '../web/bytes.ts'
import { isLoaded, part } from '../parts.ts'
import { fromUtf8 } from '../web/utf8.ts'

export type Options = { encoding?: unknown; flag?: unknown; [name: string]: unknown }

/** Linux's numbers, as Node's `fs.constants` shows them. */
export const constants = {
  F_OK: 0,
  X_OK: 1,
  W_OK: 2,
  R_OK: 4,
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_TRUNC: 0o1000,
  O_APPEND: 0o2000,
  COPYFILE_EXCL: 1,
  S_IFMT: 0o170000,
  S_IFREG: 0o100000,
  S_IFDIR: 0o40000,
  S_IFLNK: 0o120000,
} as const

const create = OPEN_WRITE | OPEN_CREATE
const FLAGS: Record<string, number> = {
  r: OPEN_READ,
  rs: OPEN_READ,
  'r+': OPEN_READ | OPEN_WRITE,
  'rs+': OPEN_READ | OPEN_WRITE,
  w: create | OPEN_TRUNCATE,
  wx: create | OPEN_TRUNCATE | OPEN_EXCLUSIVE,
  'w+': create | OPEN_READ | OPEN_TRUNCATE,
  'wx+': create | OPEN_READ | OPEN_TRUNCATE | OPEN_EXCLUSIVE,
  a: create | OPEN_APPEND,
  as: create | OPEN_APPEND,
  ax: create | OPEN_APPEND | OPEN_EXCLUSIVE,
  'a+': create | OPEN_READ | OPEN_APPEND,
  'ax+': create | OPEN_READ | OPEN_APPEND | OPEN_EXCLUSIVE,
}

/** The kernel's intent bits for Node's flags, text or number. */
export function intentOf(flags: unknown): number {
  if (flags === undefined || flags === null) return OPEN_READ
  if (typeof flags === 'number') {
    const access = flags & 3
    let intent =
      access === constants.O_WRONLY ? OPEN_WRITE : access === constants.O_RDWR ? OPEN_READ | OPEN_WRITE : OPEN_READ
    if (flags & constants.O_CREAT) intent |= OPEN_CREATE
    if (flags & constants.O_EXCL) intent |= OPEN_EXCLUSIVE
    if (flags & constants.O_TRUNC) intent |= OPEN_TRUNCATE
    if (flags & constants.O_APPEND) intent |= OPEN_APPEND
    return intent
  }
  const intent = Object.hasOwn(FLAGS, `${flags}`) ? FLAGS[`${flags}`] : undefined
  if (intent === undefined)
    throw codedError('ERR_INVALID_ARG_VALUE', `The argument 'flags' is invalid. Received '${flags}'`)
  return intent
}

/** A path as text. `file:` URLs are taken, as in Node. */
export function pathOf(path: unknown, name = 'path'): string {
  let text: string
  if (typeof path === 'string') text = path
  else if (isUrl(path)) text = pathOfUrl(path)
  else {
    const bytes = bytesIn(path)
    if (bytes === undefined) throw invalidType(name, 'of type string or an instance of Uint8Array or URL', path)
    text = fromUtf8(bytes)
  }
  if (text.includes('\0')) {
    throw codedError('ERR_INVALID_ARG_VALUE', `The argument '${name}' must be a string without null bytes`)
  }
  return text
}

type FileUrl = { protocol: string; hostname: string; pathname: string }

/** While nobody has asked for the class, nothing is an instance of it. */
function isUrl(value: unknown): value is FileUrl {
  return isLoaded('url') && value instanceof part<typeof import('../parts/url.ts')>('url').URL
}

/** The path that a `file:` URL names. */
export function pathOfUrl(url: FileUrl): string {
  if (url.protocol !== 'file:') throw codedError('ERR_INVALID_URL_SCHEME', 'The URL must be of scheme file')
  if (url.hostname !== '') throw codedError('ERR_INVALID_FILE_URL_HOST', 'File URL host must be empty')
  if (/%2f/i.test(url.pathname)) {
    throw codedError('ERR_INVALID_FILE_URL_PATH', 'File URL path must not include encoded / characters')
  }
  return decodeURIComponent(url.pathname)
}

/** Options that may be given as an encoding alone. */
export function optionsOf(options: unknown): Options {
  if (options === undefined || options === null || typeof options === 'function') return {}
  if (typeof options === 'string') return { encoding: options }
  if (typeof options !== 'object') throw invalidType('options', 'of type string or an object', options)
  return options as Options
}

export function descriptorOf(fd: unknown): number {
  if (typeof fd !== 'number') throw invalidType('fd', 'of type number', fd)
  if (!Number.isInteger(fd) || fd < 0 || fd > 0x7fffffff) throw outOfRange('fd', 'an integer >= 0 && <= 2147483647', fd)
  return fd
}

/** A time as Node takes it: seconds, a Date, or text of a number. @returns milliseconds */
export function timeOf(time: unknown): number {
  const ms = time instanceof Date ? time.getTime() : Number(time) * 1_000
  if (!Number.isFinite(ms)) throw invalidType('time', 'a number of seconds or a Date', time)
  return ms
}
