/** Ways down from a mount's root to an entry without following a symbolic link, whatever happens in between. */
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  realpathSync,
  type BigIntStats,
} from 'node:fs'
import { sep } from 'node:path'
import process from 'node:process'
import { errno } from '../kernel/errno.ts'
import { Spelling } from './disk-spelling.node.ts'

/** Flags that open a directory itself or fail. Windows has neither; there the comparison does the work. */
const DIRECTORY = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0)

/**
 * Rounds of comparison after an open. Against a thread that did nothing but swap (Linux, 2 cores): with one round 19 of
 * some 24,000 opens were of the file outside, with four none of 48,000. Fewer, that is, and not never.
 */
const CONFIRM_ROUNDS = 4

/** Gives host paths that mean what they say for the length of a synchronous act. */
export interface DiskWalk {
  /** Calls with a host path that means this directory, reached through directories only. */
  directory<T>(names: readonly string[], act: (path: string) => T): T
  /** Calls with a host path for a name in this directory: to be used without following a last link. */
  entry<T>(parent: readonly string[], name: string, act: (path: string) => T): T
  /** The same for the directory or entry that is opened now: the caller asks {@link confirm} before it uses the file. */
  opening<T>(names: readonly string[], act: (path: string) => T): T
  /** Checks that an opened file is the entry that was meant, before anything is read, cut or written. */
  confirm(path: string, opened: BigIntStats): void
  close(): void
}

/**
 * Linux: each directory is opened beneath the one before by `/proc/self/fd/N/name`, a link is refused by the kernel, and
 * a name that is spelled otherwise does not exist.
 */
export class DescriptorWalk implements DiskWalk {
  #root: number
  readonly #spelling = new Spelling()

  constructor(root: string) {
    // The root itself may be named through links: the host chose it.
    this.#root = openSync(realpathSync.native(root), DIRECTORY)
  }

  static get works(): boolean {
    return process.platform === 'linux' && existsSync('/proc/self/fd')
  }

  directory<T>(names: readonly string[], act: (path: string) => T): T {
    return this.#below(names, (fd) => act(`/proc/self/fd/${fd}/.`))
  }

  entry<T>(parent: readonly string[], name: string, act: (path: string) => T): T {
    return this.#below(parent, (fd) => {
      this.#spelling.check(fd, name)
      return act(`/proc/self/fd/${fd}/${name}`)
    })
  }

  opening<T>(names: readonly string[], act: (path: string) => T): T {
    const name = names.at(-1)
    return name === undefined ? this.directory(names, act) : this.entry(names.slice(0, -1), name, act)
  }

  /** The way was held open: nothing can have come in between. */
  confirm(): void {}

  close(): void {
    if (this.#root >= 0) closeSync(this.#root)
    this.#root = -1
  }

  #below<T>(names: readonly string[], act: (fd: number) => T): T {
    if (this.#root < 0) throw errno('EIO')
    let fd = this.#root
    try {
      for (const name of names) {
        this.#spelling.check(fd, name)
        const next = openSync(`/proc/self/fd/${fd}/${name}`, DIRECTORY)
        if (fd !== this.#root) closeSync(fd)
        fd = next
      }
      return act(fd)
    } finally {
      if (fd !== this.#root) closeSync(fd)
    }
  }
}

/**
 * Elsewhere: the path is compared with its canonical form, and a file that was opened with the entry that the path
 * names, several times. Without openat this is no proof: a link that lies still is always refused, but another process
 * (or thread) that swaps a directory for a link and back in step with these calls can in principle have a file outside
 * opened, a directory outside listed, or an entry made, removed or renamed there. Guests cannot make or move links.
 * Mount only directories that no hostile process of the host can write to, or use Linux.
 * Names that differ from the directory's by case or Unicode form do not exist.
 */
export class ComparedWalk implements DiskWalk {
  readonly #root: string

  constructor(root: string) {
    this.#root = realpathSync.native(root)
  }

  directory<T>(names: readonly string[], act: (path: string) => T): T {
    const result = act(this.#checked(names))
    this.#checked(names)
    return result
  }

  entry<T>(parent: readonly string[], name: string, act: (path: string) => T): T {
    return this.directory(parent, (directory) => act(this.#named(directory, name)))
  }

  opening<T>(names: readonly string[], act: (path: string) => T): T {
    const name = names.at(-1)
    return act(name === undefined ? this.#checked(names) : this.#named(this.#checked(names.slice(0, -1)), name))
  }

  /** Two looks that a link in the way cannot pass together; each round is two more swaps to be made in time. */
  confirm(path: string, opened: BigIntStats): void {
    for (let round = 0; round < CONFIRM_ROUNDS; round++) {
      if (realpathSync.native(path) !== path) throw errno('EACCES')
      const now = lstatSync(path, { bigint: true })
      if (now.dev !== opened.dev || now.ino !== opened.ino) throw errno('EACCES')
    }
    if (realpathSync.native(path) !== path) throw errno('EACCES')
  }

  close(): void {}

  /** The host path of a directory, if no link and no other spelling is on its way. */
  #checked(names: readonly string[]): string {
    if (!names.every((name) => isHostName(name))) throw errno('ENOENT')
    const path = names.reduce(below, this.#root)
    const real = realpathSync.native(path)
    if (real === path) return path
    throw errno(real.toLowerCase().normalize() === path.toLowerCase().normalize() ? 'ENOENT' : 'ENOTDIR')
  }

  /** The host path of a name, if nothing has it or what has it is spelled like it. */
  #named(directory: string, name: string): string {
    if (!isHostName(name)) throw errno('ENOENT')
    const path = below(directory, name)
    const entry = lstatSync(path, { throwIfNoEntry: false })
    if (entry === undefined) return path
    const exact = entry.isSymbolicLink()
      ? readdirSync(directory, 'utf8').includes(name)
      : realpathSync.native(path) === path
    if (!exact) throw errno('ENOENT')
    return path
  }
}

function below(directory: string, name: string): string {
  return directory.endsWith(sep) ? directory + name : directory + sep + name
}

/** Names that Windows reads as something else: other separators, streams, devices, cut endings. */
export function isHostName(name: string, platform: string = process.platform): boolean {
  if (platform !== 'win32') return true
  return (
    !/[<>:"\\|?*\u0000-\u001f]|[. ]$/.test(name) &&
    !/^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)/i.test(name)
  )
}
