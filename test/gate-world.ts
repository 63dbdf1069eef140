/** A host for gate tests: files in memory that log what they were asked, a clock that is set by hand, tools and variables. */
import { createGate, type Gate, type GateOptions } from '../src/gate/gate.ts'
import type { Drivers, FileDriver, Mount } from '../src/gate/drivers.ts'
import { createLedger } from '../src/gate/ledger.ts'
import { openPolicy } from '../src/gate/policy.ts'
import { type FileStat, GuestFacingError, type HostFile, type OpenIntent } from '../src/kernel/host-port.ts'
import { DEFAULT_LIMITS } from '../src/limits.ts'

const missing = (): GuestFacingError => new GuestFacingError('ENOENT', 'no such file or directory')

/** A flat tree: directories are the keys that hold `null`. Every call is logged as `method path`. */
export class MemoryFiles implements FileDriver {
  readonly log: string[] = []
  readonly nodes: Map<string, Uint8Array | null>

  constructor(files: Record<string, string | null>) {
    const encoder = new TextEncoder()
    this.nodes = new Map(
      Object.entries(files).map(([path, text]) => [path, text === null ? null : encoder.encode(text)]),
    )
    this.nodes.set('', null)
  }

  #get(method: string, path: string): Uint8Array | null {
    this.log.push(`${method} ${path}`)
    const node = this.nodes.get(path)
    if (node === undefined) throw missing()
    return node
  }

  #stat(node: Uint8Array | null): FileStat {
    const kind = node === null ? 'directory' : 'file'
    return { kind, size: node?.length ?? 0, modifiedMs: 0, accessedMs: 0, changedMs: 0, inode: 1, links: 1 }
  }

  resolve(path: string): string {
    this.log.push(`resolve ${path}`)
    return path
  }

  open(path: string, intent: OpenIntent): HostFile {
    this.log.push(`open ${path}`)
    if (!this.nodes.has(path) && !intent.create) throw missing()
    if (!this.nodes.has(path) || intent.truncate) this.nodes.set(path, new Uint8Array())
    const bytes = (): Uint8Array => this.nodes.get(path) ?? new Uint8Array()
    return {
      kind: 'file',
      read: (offset, length) => bytes().slice(offset, offset + length),
      write: (offset, data) => {
        const whole = new Uint8Array(Math.max(bytes().length, offset + data.length))
        whole.set(bytes())
        whole.set(data, offset)
        this.nodes.set(path, whole)
        return data.length
      },
      stat: () => this.#stat(bytes()),
      truncate: (size) => void this.nodes.set(path, bytes().slice(0, size)),
      sync: () => {},
      setTimes: () => {},
      close: () => void this.log.push(`close ${path}`),
    }
  }

  stat(path: string): FileStat {
    return this.#stat(this.#get('stat', path))
  }

  list(path: string): { name: string; kind: 'file' | 'directory'; inode: number }[] {
    this.#get('list', path)
    const inside = [...this.nodes.keys()].filter(
      (key) => key !== '' && key.slice(0, Math.max(key.lastIndexOf('/'), 0)) === path,
    )
    return inside.map((key) => ({
      name: key.slice(key.lastIndexOf('/') + 1),
      kind: this.nodes.get(key) === null ? 'directory' : 'file',
      inode: 0,
    }))
  }

  readLink(path: string): string {
    this.#get('readLink', path)
    throw new GuestFacingError('EINVAL', 'not a link')
  }

  makeDirectory(path: string): void {
    this.log.push(`makeDirectory ${path}`)
    this.nodes.set(path, null)
  }

  removeFile(path: string): void {
    this.#get('removeFile', path)
    this.nodes.delete(path)
  }

  removeDirectory(path: string): void {
    this.#get('removeDirectory', path)
    this.nodes.delete(path)
  }

  rename(from: string, to: string): void {
    const node = this.#get('rename', from)
    this.nodes.delete(from)
    this.nodes.set(to, node)
  }

  setTimes(path: string): void {
    this.#get('setTimes', path)
  }

  symlink(target: string, path: string): void {
    this.log.push(`symlink ${target} ${path}`)
  }

  link(existing: string, path: string): void {
    this.nodes.set(path, this.#get('link', existing))
  }

  close(): void {}
}

export type World = { gate: Gate; files: MemoryFiles; drivers: Drivers; clock: { ms: number } }

export type WorldOptions = Partial<Omit<GateOptions, 'drivers' | 'policy'>> & {
  grants?: unknown
  files?: Record<string, string | null>
  mode?: Mount['mode']
  at?: string
  drivers?: Partial<Drivers>
}

/** Drivers over files in memory, mounted at `/data`, with a tool that echoes and the variable LANG. */
export function memoryDrivers(
  files: FileDriver,
  { at = '/data', mode = 'rw', drivers = {} }: WorldOptions = {},
): Drivers {
  return {
    mounts: [{ at, mode, driver: files }],
    environment: (name) => (name === 'LANG' ? 'de' : undefined),
    callTool: (_name, input) => input,
    ...drivers,
  }
}

/** A gate over such a host. */
export function openWorld(options: WorldOptions = {}): World {
  const files = new MemoryFiles(options.files ?? {})
  const drivers = memoryDrivers(files, options)
  const clock = { ms: 1_000_000 }
  const {
    grants = [],
    ledger = createLedger(),
    limits = DEFAULT_LIMITS,
    now = () => clock.ms,
    onEvent,
    trace,
  } = options
  const policy = openPolicy(grants, ledger)
  try {
    return { gate: createGate({ policy, drivers, ledger, limits, now, onEvent, trace }), files, drivers, clock }
  } finally {
    ledger.release(policy.account)
  }
}

export const READ: OpenIntent = {
  read: true,
  write: false,
  create: false,
  exclusive: false,
  truncate: false,
  append: false,
}
export const WRITE: OpenIntent = { ...READ, read: false, write: true, create: true }
export const READ_WRITE: OpenIntent = { ...READ, write: true, create: true }

/** What a call fails with: the code of its error, or `none`. */
export function codeOf(work: () => unknown): string {
  try {
    work()
    return 'none'
  } catch (error) {
    return error instanceof GuestFacingError ? error.code : String(error)
  }
}

/** The same for a call that may be late. */
export async function lateCodeOf(work: () => unknown): Promise<string> {
  try {
    await work()
    return 'none'
  } catch (error) {
    return error instanceof GuestFacingError ? error.code : String(error)
  }
}
