/** WASI modules that are hostile as binaries: no language of their own stands between them and the host's functions. */
import { leb } from '../../../test/loader-modules.ts'
import { call, DROP, get, i32 } from '../../../test/wasm-guests.ts'
import { moduleFamily } from '../guest.ts'
import {
  ask,
  command,
  create,
  DIRECTORY,
  ENTRY,
  forever,
  load,
  print,
  printing,
  put,
  reveal,
  Texts,
  wide,
} from './module-code.ts'

const MEMORY_FILL = [0xfc, 11, 0]
/** memory.grow by so many pages, its answer kept in local 0. */
const grow = (pages: number): number[] => [...i32(pages), 0x40, 0, 0x21, 0]

const timeGuests = moduleFamily('time', {
  'module-loop': ['an empty loop', () => command(forever()), { quick: true }],
  'module-start': [
    'a loop in the start function, before anything is called',
    () => command([], { functions: [{ code: forever() }], start: ENTRY + 1 }),
  ],
  'module-calls': [
    'calls of the host without end',
    () => command(forever(...ask('clock_time_get', i32(1), wide(0), i32(64)))),
  ],
  'module-fill': [
    'one instruction that fills 96 MB, without end',
    () => command([...grow(1_500), ...forever(...i32(0), ...i32(7), ...i32(1_500 * 65_536), ...MEMORY_FILL)]),
  ],
  'module-sleep': [
    'a wait of an hour',
    // One subscription: a clock, monotonic, 3.6e12 ns from now.
    () =>
      command([
        ...put(80, i32(1)),
        ...[...i32(88), 0x42, ...leb64(3_600_000_000_000n), 0x37, 3, 0],
        ...ask('poll_oneoff', i32(64), i32(128), i32(1), i32(200)),
      ]),
    { quick: true },
  ],
})

const memoryGuests = moduleFamily('memory', {
  'module-grow': [
    'memory that grows, every page touched',
    () => command(forever(...grow(16), ...get(0), ...i32(-1), 0x46, 0x0d, 0, ...touch())),
    { quick: true },
  ],
  'module-table': [
    'a table that grows by a million slots at a time',
    () => command(forever(0xd0, 0x70, ...i32(1_000_000), 0xfc, 15, 0, DROP), { tables: [{ minimum: 1 }] }),
  ],
  'module-random': [
    '24 MB of randomness at once, without end',
    () => command([...grow(384), ...forever(...ask('random_get', i32(0), i32(24 * 2 ** 20)))]),
  ],
  'module-opens': [
    'files that are opened and never closed',
    () => {
      const texts = new Texts()
      const code = ['open.txt', 'data/open.txt'].flatMap((path) => create(texts.at(path)))
      return command(forever(...code), { data: [texts.data] })
    },
  ],
})

/** Writes a byte into each of the 16 pages that begin where local 0 says. */
function touch(): number[] {
  return Array.from({ length: 256 }, (_, page) => [
    ...[...get(0), ...i32(16), 0x74, ...i32(page * 4_096), 0x6a],
    ...[...i32(1), 0x3a, 0, 0],
  ]).flat()
}

const stackGuests = moduleFamily('stack', {
  'module-recursion': ['a function that calls itself', () => command(call(ENTRY)), { quick: true }],
  'module-frames': [
    'the same with 1,000 locals in each frame',
    () => command(call(ENTRY + 1), { functions: [frame(1_000)] }),
  ],
  'module-circle': [
    'two functions that call each other, one through a table',
    () =>
      command(call(ENTRY + 1), {
        functions: [{ code: [...i32(0), 0x11, ...leb(ENTRY + 2), 0] }, { code: call(ENTRY + 1) }],
        tables: [{ minimum: 1 }],
        elements: [ENTRY + 2],
      }),
  ],
})

const outputGuests = moduleFamily('output', {
  'module-flood': ['prints without end', () => command(forever(...print(0, i32(65_536)))), { quick: true }],
  'module-prints': [
    'prints 100 MB, and ends',
    () => command([...i32(1_600), 0x21, 0, ...repeat(print(0, i32(65_536)))]),
  ],
  'module-vectors': [
    'one write of a million vectors of 64 KB each',
    () => {
      const vector = [...get(0), ...i32(3), 0x74, ...i32(65_536), 0x6a]
      const pointer = [...vector, ...i32(0), 0x36, 2, 0]
      const length = [...vector, ...i32(65_536), 0x36, 2, 4]
      return command([
        ...grow(129),
        ...i32(1_000_000),
        ...[0x21, 0],
        ...repeat([...pointer, ...length]),
        ...ask('fd_write', i32(1), i32(65_544), i32(1_000_000), i32(8)),
      ])
    },
  ],
})

const callGuests = moduleFamily('calls', {
  'module-pointers': [
    'pointers and lengths outside its memory',
    () =>
      command([
        ...ask('fd_write', i32(1), i32(-8), i32(1), i32(-4)),
        ...ask('fd_write', i32(1), i32(0), i32(-1), i32(0)),
        ...ask('random_get', i32(65_000), i32(-1)),
        ...ask('poll_oneoff', i32(-48), i32(-32), i32(-1), i32(0)),
        ...ask('path_create_directory', DIRECTORY, i32(0), i32(-1)),
      ]),
  ],
})

/** Ways out of the directory that the guest was given, which some sandboxes mount at its root and others beneath it. */
const OUT = ['../', 'data/../../', './../', 'data/./../../']

const fileGuests = moduleFamily('files', {
  'module-dotdot': [
    'reads a file above its directory',
    ({ outside }) =>
      pathsOf((texts) =>
        [...OUT.map((out) => `${out}secret.txt`), `${outside}/secret.txt`].flatMap((path) => reveal(texts.at(path))),
      ),
    { quick: true },
  ],
  'module-symlink': [
    'makes a symbolic link that leads out, and reads through it',
    ({ outside }) =>
      pathsOf((texts) =>
        ['', 'data/'].flatMap((directory, at) =>
          ['../secret.txt', `${outside}/secret.txt`, '../../outside/secret.txt'].flatMap((target, which) => {
            const link = `${directory}link-${at}-${which}`
            return [...ask('path_symlink', texts.at(target), DIRECTORY, texts.at(link)), ...reveal(texts.at(link))]
          }),
        ),
      ),
    { quick: true },
  ],
  'module-directory-link': [
    'makes a symbolic link to the directory above, and writes beneath it',
    ({ outside }) =>
      pathsOf((texts) =>
        ['', 'data/'].flatMap((directory) =>
          ['..', outside].flatMap((target, which) => {
            const link = `${directory}up-${which}`
            return [
              ...ask('path_symlink', texts.at(target), DIRECTORY, texts.at(link)),
              ...create(texts.at(`${link}/written.txt`)),
              ...reveal(texts.at(`${link}/secret.txt`)),
            ]
          }),
        ),
      ),
  ],
  'module-writes': [
    'makes a file and a directory above its directory',
    ({ outside }) =>
      pathsOf((texts) =>
        [...OUT, `${outside}/`].flatMap((out) => [
          ...create(texts.at(`${out}written.txt`)),
          ...ask('path_create_directory', DIRECTORY, texts.at(`${out}made`)),
        ]),
      ),
  ],
  'module-moves': [
    'links to a file above its directory, and moves one there',
    () =>
      pathsOf((texts) =>
        OUT.flatMap((out) => [
          ...ask('path_link', DIRECTORY, i32(0), texts.at(`${out}secret.txt`), DIRECTORY, texts.at('data/second.txt')),
          ...ask('path_link', DIRECTORY, i32(0), texts.at(`${out}secret.txt`), DIRECTORY, texts.at('second.txt')),
          ...ask('path_rename', DIRECTORY, texts.at('data/inside.txt'), DIRECTORY, texts.at(`${out}moved.txt`)),
          ...ask('path_rename', DIRECTORY, texts.at('inside.txt'), DIRECTORY, texts.at(`${out}moved.txt`)),
          ...reveal(texts.at('data/second.txt')),
          ...reveal(texts.at('second.txt')),
        ]),
      ),
  ],
  'module-environment': [
    "prints its environment, which is none of the host's",
    () =>
      command([
        ...ask('environ_sizes_get', i32(64), i32(68)),
        ...ask('environ_get', i32(8_192), i32(16_384)),
        ...print(16_384, load(68)),
      ]),
  ],
})

/** A module whose code names paths. */
function pathsOf(code: (texts: Texts) => number[]): Uint8Array<ArrayBuffer> {
  const texts = new Texts()
  const body = code(texts)
  return command(body, { data: [texts.data] })
}

/** Does something as often as local 0 says. */
function repeat(code: readonly number[]): number[] {
  return [0x03, 0x40, ...code, ...get(0), ...i32(1), 0x6b, 0x22, 0, 0x0d, 0, 0x0b]
}

/** A function that calls itself, and needs all of its locals afterwards. */
function frame(locals: number) {
  const at = (code: (local: number[]) => number[]) =>
    Array.from({ length: locals }, (_, local) =>
      code(local < 0x80 ? [local] : [(local & 0x7f) | 0x80, local >> 7]),
    ).flat()
  const code = [
    ...at((local) => [...i32(64), 0x29, 3, 0, 0x21, ...local]),
    ...call(ENTRY + 1),
    ...at((local) => [...i32(64), 0x20, ...local, 0x37, 3, 0]),
  ]
  return { locals: new Array<'i64'>(locals).fill('i64'), code }
}

function leb64(value: bigint): number[] {
  const low = Number(value & 0x7fn)
  return value < 0x40n ? [low] : [low | 0x80, ...leb64(value >> 7n)]
}

export const moduleGuests = [
  ...moduleFamily('control', {
    'module-harmless': ['nothing: it prints a line', () => printing('sum 42'), { quick: true }],
  }),
  ...timeGuests,
  ...memoryGuests,
  ...stackGuests,
  ...outputGuests,
  ...callGuests,
  ...fileGuests,
]
