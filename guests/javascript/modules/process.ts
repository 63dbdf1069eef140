/** `process`: arguments, environment, directory, streams and the end of the run. Everything is read anew in each run. */
import { EventEmitter } from 'events'
import { callHost, type Coded, codedError, invalidType } from '../failures.ts'
import { bytesOfData } from '../files/encodings.ts'
import { fileFailure } from '../files/errors.ts'
import { pathOf } from '../files/arguments.ts'
import { writeAll } from '../files/write.ts'
import { exitNow, guarded, nextTick, observe } from '../loop.ts'
import { call, callText, encodeUtf8, now } from '../natives.ts'
import { DirectoryChange, DirectoryCurrent, EnvironmentRead, ProcessInfo } from '../operations.generated.ts'
import { create, isInteger, SafeNumber as toNumber, SafeSet, setProperty, uncurry } from '../primordials.ts'
import { tagClass } from '../realm/define.ts'
import { atStart } from '../run.ts'
import { decode } from '../values/decode.ts'
import { elapsed } from '../web/performance.ts'
import { StandardInput } from './stdin.ts'

type Info = { args: string[]; env: Record<string, string>; pid: number }
type Hrtime = ((earlier?: [number, number]) => [number, number]) & { bigint: () => bigint }

const MONOTONIC = 1
/** The release of Node whose behaviour the modules here follow; libraries look at it to choose their code. */
const NODE_VERSION = '22.13.0'

let info: Info | undefined
let argv: string[] | undefined
let program = ''
let own: Record<string, string> | undefined
let exitCode: unknown
let input: StandardInput | undefined

function processInfo(): Info {
  info ??= decode(callHost(ProcessInfo)) as Info
  return info
}

/** The variables that the run was given; what the guest sets and deletes here stays here. */
function variables(): Record<string, string> {
  own ??= Object.assign(Object.create(null), processInfo().env) as Record<string, string>
  return own
}

let deleted = new SafeSet<string>()

/** A variable that the run was not given may be one of the host's, if a grant lets it be read. */
function readVariable(name: string): string | undefined {
  const given = variables()[name]
  if (given !== undefined || deleted.has(name)) return given
  try {
    return decode(callHost(EnvironmentRead, encodeUtf8(name))) as string | undefined
  } catch (error) {
    // A name that no variable can have: empty, too long, or with a NUL in it.
    if ((error as Coded).code === 'EINVAL' || (error as Coded).code === 'EILSEQ') return undefined
    throw error
  }
}

const env = new Proxy(
  Object.create(null) as Record<string, string>,
  {
    __proto__: null,
    get: (_target, name) => (typeof name === 'string' ? readVariable(name) : undefined),
    has: (_target, name) => typeof name === 'string' && readVariable(name) !== undefined,
    set(_target, name, value) {
      if (typeof name !== 'string') return false
      variables()[name] = `${value}`
      deleted.delete(name)
      return true
    },
    deleteProperty(_target, name) {
      if (typeof name === 'string') {
        delete variables()[name]
        deleted.add(name)
      }
      return true
    },
    defineProperty: (_target, name, { value }) => {
      if (typeof name === 'string') variables()[name] = `${value}`
      return typeof name === 'string'
    },
    ownKeys: () => Object.keys(variables()),
    getOwnPropertyDescriptor(_target, name) {
      const value = typeof name === 'string' ? readVariable(name) : undefined
      return value === undefined
        ? undefined
        : ({ __proto__: null, value, writable: true, enumerable: true, configurable: true } as PropertyDescriptor)
    },
  } as ProxyHandler<Record<string, string>>,
)

/** A writable end of the run: text and bytes go out at once. */
class Output extends EventEmitter {
  readonly fd: number
  readonly isTTY = false
  readonly writable = true
  readonly columns = 80

  constructor(fd: number) {
    super()
    this.fd = fd
  }

  write(data: unknown, encoding?: unknown, callback?: unknown): true {
    writeAll(this.fd, bytesOfData(data, typeof encoding === 'string' ? encoding : undefined))
    const done = typeof encoding === 'function' ? encoding : callback
    if (typeof done === 'function') nextTick(done as () => void, [])
    return true
  }

  end(data?: unknown, encoding?: unknown, callback?: unknown): this {
    if (data !== undefined && typeof data !== 'function') this.write(data, encoding)
    const done = [data, encoding, callback].find((argument) => typeof argument === 'function')
    if (done !== undefined) nextTick(done as () => void, [])
    return this
  }
}

const hrtime = ((earlier) => {
  const ms = now(MONOTONIC)
  let seconds = Math.floor(ms / 1_000)
  let nanoseconds = Math.floor((ms - seconds * 1_000) * 1e6)
  if (earlier !== undefined) {
    seconds -= earlier[0]
    nanoseconds -= earlier[1]
    if (nanoseconds < 0) {
      seconds--
      nanoseconds += 1e9
    }
  }
  return [seconds, nanoseconds]
}) as Hrtime
hrtime.bigint = () => BigInt(Math.round(now(MONOTONIC) * 1e6))

function exitNumber(): number {
  const code = toNumber(exitCode ?? 0)
  return isInteger(code) ? code & 0xff : 0
}

class Process extends EventEmitter {
  readonly title = 'toka'
  /** `linux`: the kernel's paths, error numbers and signals are Linux's, and libraries know it. */
  readonly platform = 'linux'
  readonly arch = 'wasm32'
  readonly version = `v${NODE_VERSION}`
  readonly versions = Object.freeze({ node: NODE_VERSION, toka: '0.1.0', quickjs: '0.17' })
  readonly release = Object.freeze({ name: 'toka' })
  readonly execPath = '/usr/bin/node'
  readonly execArgv: string[] = []
  readonly features = Object.freeze({})
  readonly env = env
  readonly stdout = new Output(1)
  readonly stderr = new Output(2)
  readonly hrtime = hrtime

  get argv(): string[] {
    argv ??= [this.execPath, program, ...processInfo().args]
    return argv
  }
  set argv(value: string[]) {
    argv = value
  }
  get argv0(): string {
    return 'node'
  }
  get pid(): number {
    return processInfo().pid
  }
  get ppid(): number {
    return 0
  }

  /** One reader a run. */
  get stdin(): StandardInput {
    input ??= new StandardInput()
    return input
  }

  get exitCode(): unknown {
    return exitCode
  }
  set exitCode(code: unknown) {
    if (code !== undefined && code !== null && !isInteger(toNumber(code))) throw invalidType('code', 'an integer', code)
    exitCode = code
  }

  exit = (code?: unknown): never => {
    if (code !== undefined) this.exitCode = code
    return exitNow()
  }

  abort = (): never => {
    exitCode = 134
    return exitNow()
  }

  cwd = (): string => callText(DirectoryCurrent)

  chdir = (directory: unknown): void => {
    const path = pathOf(directory, 'directory')
    try {
      call(DirectoryChange, path)
    } catch (payload) {
      throw fileFailure(payload, { syscall: 'chdir', path: this.cwd(), dest: path })
    }
  }

  nextTick = (callback: unknown, ...args: unknown[]): void => {
    if (typeof callback !== 'function') throw invalidType('callback', 'of type function', callback)
    nextTick(callback as (...args: unknown[]) => unknown, args)
  }

  uptime = (): number => elapsed() / 1_000
  umask = (): number => 0o022
  getuid = (): number => 0
  getgid = (): number => 0
  geteuid = (): number => 0
  getegid = (): number => 0

  emitWarning = (warning: unknown): void => {
    const text = warning instanceof Error ? `${warning.name}: ${warning.message}` : `Warning: ${warning}`
    guarded(() => writeAll(2, encodeUtf8(`(node) ${text.toWellFormed()}\n`)), undefined, [])
  }

  kill = (): never => {
    throw codedError('ERR_TOKA_NOT_AVAILABLE', 'process.kill is not available in a sandbox')
  }
}

tagClass(Process, 'process')

const self = new Process()
self.setMaxListeners(0)

atStart((filename) => {
  program = filename
  info = undefined
  argv = undefined
  own = undefined
  deleted = new SafeSet()
  exitCode = undefined
  input = undefined
  // Where the emitter keeps its listeners; its own method would go through built-ins that an earlier run may have patched.
  setProperty(self, '_events', create(null))
  setProperty(self, '_eventsCount', 0)
})

const emit = uncurry(EventEmitter.prototype.emit)
const countListeners = uncurry(EventEmitter.prototype.listenerCount)

observe({
  emit: (event, first, second) => countListeners(self, event) > 0 && emit(self, event, first, second),
  exitCode: exitNumber,
})

const MEMORY = 'the result of a run tells its use of memory and time'
const ABSENT = {
  memoryUsage: MEMORY,
  resourceUsage: MEMORY,
  cpuUsage: MEMORY,
  binding: 'there is no native code',
  dlopen: 'there is no native code',
}

for (const [name, instead] of Object.entries(ABSENT)) {
  const get = (): never => {
    throw codedError('ERR_TOKA_NOT_AVAILABLE', `process.${name} is not available in a sandbox: ${instead}`)
  }
  Object.defineProperty(Process.prototype, name, { get, enumerable: false, configurable: true })
}

export const process = self
