/** Hostile code in, a WASI command out: what the modules of the suite have in common, with one memory and one file to talk of. */
import { buildModule, type ModuleParts } from '../../../test/loader-modules.ts'
import { call, DROP, i32 } from '../../../test/wasm-guests.ts'

/** What every module imports, in this order. */
const IMPORTS = {
  fd_write: [['i32', 'i32', 'i32', 'i32'], ['i32']],
  fd_read: [['i32', 'i32', 'i32', 'i32'], ['i32']],
  path_open: [['i32', 'i32', 'i32', 'i32', 'i32', 'i64', 'i64', 'i32', 'i32'], ['i32']],
  path_symlink: [['i32', 'i32', 'i32', 'i32', 'i32'], ['i32']],
  path_link: [['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'], ['i32']],
  path_rename: [['i32', 'i32', 'i32', 'i32', 'i32', 'i32'], ['i32']],
  path_create_directory: [['i32', 'i32', 'i32'], ['i32']],
  clock_time_get: [['i32', 'i64', 'i32'], ['i32']],
  random_get: [['i32', 'i32'], ['i32']],
  poll_oneoff: [['i32', 'i32', 'i32', 'i32'], ['i32']],
  environ_sizes_get: [['i32', 'i32'], ['i32']],
  environ_get: [['i32', 'i32'], ['i32']],
  proc_exit: [['i32'], []],
} as const
type Import = keyof typeof IMPORTS

/** The function that `command` puts first, after the imports: the program itself. */
export const ENTRY = Object.keys(IMPORTS).length

const signatures = Object.entries(IMPORTS).map(([name, [params, results]]) => ({
  module: 'wasi_snapshot_preview1',
  name,
  params,
  results,
}))

/** A call whose error nobody looks at. */
export function ask(name: Import, ...parameters: readonly (readonly number[])[]): number[] {
  const index = Object.keys(IMPORTS).indexOf(name)
  return [...parameters.flat(), ...call(index), ...(IMPORTS[name][1].length > 0 ? [DROP] : [])]
}

export const wide = (value: number): number[] => [0x42, ...i32(value).slice(1)]
export const forever = (...code: readonly number[]): number[] => [0x03, 0x40, ...code, 0x0c, 0, 0x0b]
/** Stores a number of 32 bits. */
export const put = (at: number, value: readonly number[]): number[] => [...i32(at), ...value, 0x36, 2, 0]
export const load = (at: number): number[] => [...i32(at), 0x28, 2, 0]

/** Where a list of one vector is, a descriptor that was opened, and what was read. */
const VECTOR = 16
const OPENED = 32
const BUFFER = 4_096
/** Where texts are put, one after the other. */
const TEXTS = 1_024

/** Prints what lies in memory. */
export const print = (at: number, length: readonly number[]): number[] => [
  ...put(VECTOR, i32(at)),
  ...put(VECTOR + 4, length),
  ...ask('fd_write', i32(1), i32(VECTOR), i32(1), i32(VECTOR + 8)),
]

/** Texts that a module's code names. */
export class Texts {
  #bytes: number[] = []

  /** @returns the two parameters that say where a text is */
  at(text: string): number[] {
    const bytes = new TextEncoder().encode(text)
    const start = TEXTS + this.#bytes.length
    this.#bytes.push(...bytes)
    return [...i32(start), ...i32(bytes.length)]
  }

  get data(): { offset: number; bytes: readonly number[] } {
    return { offset: TEXTS, bytes: this.#bytes }
  }
}

const RIGHT = { read: 2, write: 64 }
const FOLLOW = 1
const CREATE = 1
export const DIRECTORY = i32(3)

/** Opens a file beneath the first directory, and prints what it reads there. */
export const reveal = (path: readonly number[]): number[] => [
  ...put(OPENED, i32(-1)),
  ...ask('path_open', DIRECTORY, i32(FOLLOW), path, i32(0), wide(RIGHT.read), wide(0), i32(0), i32(OPENED)),
  ...put(VECTOR, i32(BUFFER)),
  ...put(VECTOR + 4, i32(1_000)),
  ...put(VECTOR + 8, i32(0)),
  ...ask('fd_read', load(OPENED), i32(VECTOR), i32(1), i32(VECTOR + 8)),
  ...print(BUFFER, load(VECTOR + 8)),
]

/** Makes a file beneath the first directory, and leaves its descriptor open. */
export const create = (path: readonly number[]): number[] =>
  ask('path_open', DIRECTORY, i32(FOLLOW), path, i32(CREATE), wide(RIGHT.write), wide(0), i32(0), i32(OPENED))

/** A command: a memory of one page that may grow, the imports, and its code. */
export function command(code: readonly number[], more: Partial<ModuleParts> = {}): Uint8Array<ArrayBuffer> {
  const { functions = [], ...others } = more
  return buildModule({
    imports: signatures,
    memory: { minimum: 1, name: 'memory' },
    functions: [{ name: '_start', locals: ['i32', 'i32'], code }, ...functions],
    ...others,
  })
}

/** A command that prints a text. */
export function printing(text: string): Uint8Array<ArrayBuffer> {
  const texts = new Texts()
  texts.at(text)
  return command(print(TEXTS, i32(text.length)), { data: [texts.data] })
}
