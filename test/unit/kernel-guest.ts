/** What the kernel's tests share: a guest that makes the host calls of operations.ts, and ports to give it. */
import type { FileDriver } from '../../src/gate/drivers.ts'
import type { HostPort, MaybePromise, MountPort } from '../../src/kernel/host-port.ts'
import { Kernel, type KernelOptions } from '../../src/kernel/kernel.ts'
import { OpenBit, Operation } from '../../src/kernel/operations.ts'
import type { Process } from '../../src/kernel/process.ts'
import { decodeValue, encodeValue } from '../../src/kernel/values.ts'
import { DEFAULT_LIMITS, type Limits } from '../../src/limits.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const text = (bytes: Uint8Array): string => decoder.decode(bytes)
export const bytes = (value: string): Uint8Array => encoder.encode(value)

export function concat(...parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

export function u32(...values: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4))
  values.forEach((value, index) => view.setUint32(index * 4, value, true))
  return new Uint8Array(view.buffer)
}

export function f64(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value, true)
  return new Uint8Array(view.buffer)
}

const readU32 = (answer: Uint8Array): number => new DataView(answer.buffer, answer.byteOffset).getUint32(0, true)
const readF64 = (answer: Uint8Array): number => new DataView(answer.buffer, answer.byteOffset).getFloat64(0, true)

/** The bits of PathOpen for the flags of fopen: r, r+, w, wx, a. */
const FLAGS: Record<string, number> = {
  r: OpenBit.read,
  'r+': OpenBit.read | OpenBit.write,
  w: OpenBit.write | OpenBit.create | OpenBit.truncate,
  wx: OpenBit.write | OpenBit.create | OpenBit.exclusive,
  a: OpenBit.write | OpenBit.create | OpenBit.append,
}

/** Host calls by name. Every method is asynchronous, whether the kernel had to wait or not. */
export class Guest {
  readonly process: Process

  constructor(process: Process) {
    this.process = process
  }

  /** A call as an engine makes it: synchronous failures are rejections here. */
  async call(operation: number, argument: Uint8Array = new Uint8Array(0)): Promise<Uint8Array> {
    return await this.process.call(operation, argument)
  }

  async open(path: string, flags: number | string = 'r'): Promise<number> {
    const bits = typeof flags === 'number' ? flags : (FLAGS[flags] as number)
    return readU32(await this.call(Operation.PathOpen, concat(u32(bits), bytes(path))))
  }

  async read(fd: number, length = 65_536, offset = -1): Promise<string> {
    return text(await this.call(Operation.FdRead, concat(u32(fd, length), f64(offset))))
  }

  async write(fd: number, content: string | Uint8Array): Promise<number> {
    const data = typeof content === 'string' ? bytes(content) : content
    return readU32(await this.call(Operation.FdWrite, concat(u32(fd), data)))
  }

  async close(fd: number): Promise<void> {
    await this.call(Operation.FdClose, u32(fd))
  }

  async fstat(fd: number): Promise<Record<string, unknown>> {
    return decodeValue(await this.call(Operation.FdStat, u32(fd))) as Record<string, unknown>
  }

  async truncate(fd: number, size: number): Promise<void> {
    await this.call(Operation.FdTruncate, concat(u32(fd), f64(size)))
  }

  async stat(path: string, follow = true): Promise<Record<string, unknown>> {
    return decodeValue(await this.call(Operation.PathStat, concat(u32(follow ? 1 : 0), bytes(path)))) as Record<
      string,
      unknown
    >
  }

  async page(path: string, cursor = 0): Promise<[[string, string][], number]> {
    const limits = { structuredBytes: 2 ** 20 }
    return decodeValue(await this.call(Operation.PathList, concat(f64(cursor), bytes(path))), limits) as [
      [string, string][],
      number,
    ]
  }

  async list(path: string): Promise<string[]> {
    return (await this.page(path))[0].map(([name]) => name)
  }

  async onPath(operation: number, path: string): Promise<string> {
    return text(await this.call(operation, bytes(path)))
  }

  mkdir = (path: string): Promise<string> => this.onPath(Operation.PathMakeDirectory, path)
  unlink = (path: string): Promise<string> => this.onPath(Operation.PathRemoveFile, path)
  rmdir = (path: string): Promise<string> => this.onPath(Operation.PathRemoveDirectory, path)
  readlink = (path: string): Promise<string> => this.onPath(Operation.PathReadLink, path)
  realpath = (path: string): Promise<string> => this.onPath(Operation.PathReal, path)
  chdir = (path: string): Promise<string> => this.onPath(Operation.DirectoryChange, path)
  cwd = (): Promise<string> => this.onPath(Operation.DirectoryCurrent, '')

  async values(operation: number, ...members: unknown[]): Promise<void> {
    await this.call(operation, encodeValue(members))
  }

  rename = (from: string, to: string): Promise<void> => this.values(Operation.PathRename, from, to)
  symlink = (target: string, path: string): Promise<void> => this.values(Operation.PathSymlink, target, path)
  link = (existing: string, path: string): Promise<void> => this.values(Operation.PathLink, existing, path)

  async writeFile(path: string, content: string): Promise<void> {
    const fd = await this.open(path, 'w')
    await this.write(fd, content)
    await this.close(fd)
  }

  async readFile(path: string): Promise<string> {
    const fd = await this.open(path)
    const content = await this.read(fd)
    await this.close(fd)
    return content
  }

  async now(clock = 0): Promise<number> {
    return readF64(await this.call(Operation.ClockNow, u32(clock)))
  }

  sleep = (milliseconds: number): Promise<Uint8Array> => this.call(Operation.ClockSleep, f64(milliseconds))
  random = (length: number): Promise<Uint8Array> => this.call(Operation.RandomFill, u32(length))

  async tool(name: string, input: unknown): Promise<unknown> {
    const argument = concat(u32(bytes(name).length), bytes(name), encodeValue(input))
    return decodeValue(await this.call(Operation.ToolCall, argument))
  }
}

/** A mount table's port over drivers, without a gate: everything is allowed. */
export function mountPort(drivers: readonly FileDriver[], waits = false): MountPort {
  const act = <T>(mount: number, run: (driver: FileDriver) => MaybePromise<T>): MaybePromise<T> => {
    const driver = drivers[mount] as FileDriver
    return waits ? Promise.resolve().then(() => run(driver)) : run(driver)
  }
  return {
    resolve: (mount, path, followLast) => act(mount, (driver) => driver.resolve(path, followLast)),
    open: (mount, path, intent) => act(mount, (driver) => driver.open(path, intent)),
    stat: (mount, path) => act(mount, (driver) => driver.stat(path)),
    list: (mount, path) => act(mount, (driver) => driver.list(path)),
    readLink: (mount, path) => act(mount, (driver) => driver.readLink(path)),
    makeDirectory: (mount, path) => act(mount, (driver) => driver.makeDirectory(path)),
    removeFile: (mount, path) => act(mount, (driver) => driver.removeFile(path)),
    removeDirectory: (mount, path) => act(mount, (driver) => driver.removeDirectory(path)),
    rename: (mount, from, to) => act(mount, (driver) => driver.rename(from, to)),
    setTimes: (mount, path, accessed, modified) => act(mount, (driver) => driver.setTimes(path, accessed, modified)),
    symlink: (mount, target, path) => act(mount, (driver) => driver.symlink(target, path)),
    link: (mount, existing, path) => act(mount, (driver) => driver.link(existing, path)),
  }
}

export function port(changes: Partial<HostPort> = {}): HostPort {
  return {
    files: mountPort([]),
    environment: () => undefined,
    preciseClock: () => false,
    callTool: (_name, input) => input,
    ...changes,
  }
}

export type BootOptions = Partial<Omit<KernelOptions, 'limits'>> & { limits?: Partial<Limits> }

/** A kernel with its process 1 as a guest. */
export function boot(options: BootOptions = {}): { kernel: Kernel; guest: Guest } {
  const kernel = new Kernel({ port: port(), ...options, limits: { ...DEFAULT_LIMITS, ...options.limits } })
  return { kernel, guest: new Guest(kernel.process) }
}
