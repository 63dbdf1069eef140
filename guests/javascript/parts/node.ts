/** Names of Node's modules in; what a sandbox has of them, or what to use instead, out. */
import { EventEmitter } from 'events'
import path from 'path-browserify'
import { codedError } from '../failures.ts'
import { indexOfText, sliceText, startsWith } from '../primordials.ts'
import { fs, fsPromises } from '../modules/fs.ts'
import { process } from '../modules/process.ts'
import { timers, timersPromises } from '../modules/timers-promises.ts'
import { url } from '../modules/url.ts'
import { subset } from '../modules/subset.ts'
import { part } from '../parts.ts'
import { defineHidden } from '../realm/define.ts'

const { win32: _none, posix: _self, ...posix } = path as typeof path & { _makeLong: unknown }
const paths: object = subset(
  'path',
  {
    ...posix,
    toNamespacedPath: (name: string) => name,
    get posix(): object {
      return paths
    },
  },
  {
    win32: 'paths in a sandbox are POSIX paths',
  },
)

export { EventEmitter, process }

/** What `import` names of `process`: the values at that moment, as in Node. */
const PROCESS_NAMES =
  'argv cwd chdir env exit hrtime nextTick pid platform stderr stdin stdout uptime version versions'.split(' ')

const BUFFER_NAMES = 'Buffer SlowBuffer INSPECT_MAX_BYTES kMaxLength kStringMaxLength constants atob btoa'.split(' ')

const ASSERT_NAMES = (
  'AssertionError deepEqual deepStrictEqual doesNotMatch doesNotReject doesNotThrow equal fail ifError match ' +
  'notDeepEqual notDeepStrictEqual notEqual notStrictEqual ok rejects strict strictEqual throws'
).split(' ')
const CRYPTO_NAMES =
  'createHash createHmac getHashes getRandomValues hash randomBytes randomInt randomUUID timingSafeEqual webcrypto'.split(
    ' ',
  )
const EVENTS_NAMES = ['EventEmitter', 'defaultMaxListeners', 'listenerCount', 'on', 'once']
const UTIL_NAMES = (
  'TextDecoder TextEncoder callbackify debug debuglog deprecate format formatWithOptions inherits inspect isArray ' +
  'isDeepStrictEqual promisify stripVTControlCharacters types'
).split(' ')

/** Of the package `events` alone this is missing. */
defineHidden(EventEmitter, 'on', () => {
  throw codedError('ERR_TOKA_NOT_AVAILABLE', 'events.on is not available in a sandbox: use emitter.on, or events.once')
})

type BuiltinModule = { readonly value: object; names: readonly string[] }

/** One whose code loads when a program first asks for it. */
function late(names: readonly string[], load: () => object): BuiltinModule {
  return {
    get value() {
      return load()
    },
    names,
  }
}

const assert = () => part<typeof import('./assert.ts')>('assert')

const modules: Record<string, BuiltinModule> = Object.assign(Object.create(null), {
  assert: late(ASSERT_NAMES, () => assert().assert),
  'assert/strict': late(ASSERT_NAMES, () => assert().assertStrict),
  buffer: late(BUFFER_NAMES, () => part<typeof import('./buffer.ts')>('buffer').buffer),
  crypto: late(CRYPTO_NAMES, () => part<typeof import('./hashes.ts')>('hashes').hashes),
  events: { value: EventEmitter, names: EVENTS_NAMES },
  fs: { value: fs, names: Object.keys(fs) },
  'fs/promises': { value: fsPromises, names: Object.keys(fsPromises) },
  path: { value: paths, names: Object.keys(paths) },
  'path/posix': { value: paths, names: Object.keys(paths) },
  process: { value: process, names: PROCESS_NAMES },
  timers: { value: timers, names: Object.keys(timers) },
  'timers/promises': { value: timersPromises, names: Object.keys(timersPromises) },
  url: { value: url, names: Object.keys(url) },
  util: late(UTIL_NAMES, () => part<typeof import('./util.ts')>('util').util),
})

const NETWORK = 'a sandbox has no sockets: give the run a tool that makes the request'
const PROCESSES =
  'a sandbox starts no native processes: give the run a tool, or run the program in a sandbox of its own'
const THREADS = 'a run has one thread: start another sandbox for parallel work'
const BUNDLE = 'bundle a polyfill into the program, for example with "npx esbuild tool.js --bundle --format=esm"'
const GLOBAL = (names: string): string => `use the globals ${names}`

/** Modules of Node that a sandbox does not have, and what to use instead. */
const MISSING: Record<string, string> = Object.assign(Object.create(null), {
  net: NETWORK,
  tls: NETWORK,
  dgram: NETWORK,
  dns: NETWORK,
  'dns/promises': NETWORK,
  http: NETWORK,
  https: NETWORK,
  http2: NETWORK,
  inspector: 'there is nothing to attach to',
  child_process: PROCESSES,
  cluster: PROCESSES,
  worker_threads: THREADS,
  async_hooks: BUNDLE,
  console: GLOBAL('console'),
  constants: 'use the constants of "fs"',
  diagnostics_channel: BUNDLE,
  module: 'use import or require',
  os: 'a sandbox tells nothing of its machine',
  perf_hooks: GLOBAL('performance'),
  punycode: BUNDLE,
  querystring: GLOBAL('URLSearchParams'),
  readline: 'read standard input with "for await (const chunk of process.stdin)"',
  'readline/promises': 'read standard input with "for await (const chunk of process.stdin)"',
  repl: BUNDLE,
  sqlite: 'give the run a tool that asks the database',
  stream: BUNDLE,
  'stream/promises': BUNDLE,
  'stream/web': BUNDLE,
  string_decoder: GLOBAL('TextDecoder'),
  test: BUNDLE,
  tty: 'standard streams of a run are no terminals',
  v8: 'the engine is not V8',
  vm: 'start another sandbox for other code',
  wasi: 'run the module in a sandbox of its own',
  zlib: BUNDLE,
})

const PREFIX = 'node:'

/** The name without `node:`. */
function plainName(name: string): string {
  return startsWith(name, PREFIX) ? sliceText(name, PREFIX.length) : name
}

/**
 * The name under which a built-in module is known to the engine, `undefined` for a name that is none of Node's.
 * @throws ERR_TOKA_NOT_AVAILABLE for a module of Node that a sandbox does not have
 */
export function builtinName(specifier: string): string | undefined {
  const name = plainName(specifier)
  if (modules[name] !== undefined) return PREFIX + name
  const instead = MISSING[name]
  if (instead !== undefined)
    throw codedError('ERR_TOKA_NOT_AVAILABLE', `The module "${specifier}" is not available in a sandbox: ${instead}`)
  if (startsWith(specifier, PREFIX))
    throw codedError('ERR_UNKNOWN_BUILTIN_MODULE', `No such built-in module: ${specifier}`)
  return undefined
}

export function builtin(name: string): object | undefined {
  return modules[plainName(name)]?.value
}

/** Module source for a built-in: its object comes in by `import.meta`, which no other module sees. */
export function builtinSource(name: string): string {
  const names = modules[plainName(name)]?.names ?? []
  return `const m=import.meta.builtin;export default m;export const{${names.join(',')}}=m`
}

/** `require`, for built-in modules alone: a script has no packages around it. */
export function require(specifier: string): object {
  const name = builtinName(`${specifier}`)
  const found = name === undefined ? undefined : builtin(name)
  if (found !== undefined) return found
  const file = indexOfText(`${specifier}`, '.') === 0 || indexOfText(`${specifier}`, '/') === 0
  const advice = file
    ? 'require takes built-in modules alone. Use import for files of the sandbox'
    : 'packages are not installed in a sandbox. Bundle the program first, for example with "npx esbuild tool.js --bundle"'
  throw codedError('MODULE_NOT_FOUND', `Cannot find module '${specifier}': ${advice}`)
}
