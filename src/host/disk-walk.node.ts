/** Ways down from a mount's root to an entry without following a symbolic link, whatever happens in between. */
import { closeSync, constants, existsSync, lstatSync, openSync, readdirSync, realpathSync, type BigIntStats } from 'node:fs'
import { sep } from 'node:path'
import process from 'node:process'
import { errno } from '../kernel/errno.ts'

/** Flags that open a directory itself or fail. Windows has neither; there the comparison does the work. */
const DIRECTORY = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0)

/** Gives host paths that mean what they say for the length of a synchronous act. */
export interface DiskWalk {
  /** Calls with a host path that means this directory, reached through directories only. */
  directory<T>(names: readonly string[], act: (path: string) => T): T
  /** Calls with a host path for a name in this directory: to be used without following a last link. */
  entry<T>(parent: readonly string[], name: string, act: (path: string) => T): T
  /** Checks that an opened file is the entry that was meant, before anything is read, cut or written. */
  confirm(path: string, opened: BigIntStats): void
  close(): void
}

/** Linux: each directory is opened beneath the one before by `/proc/self/fd/N/name`, a link is refused by the kernel. */
export class DescriptorWalk implements DiskWalk {
  #root: number

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
    return this.#below(parent, (fd) => act(`/proc/self/fd/${fd}/${name}`))
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
 * Elsewhere: the path is compared with its canonical form before and after, and a file that was opened with the entry
 * that the path names. Another process of the host that swaps directories for links in just that moment can have an
 * empty file made in the wrong place; it can have nothing read, cut or written there. Names that differ from the
 * directory's by case or Unicode form do not exist.
 */
export class ComparedWalk implements DiskWalk {
  readonly #root: string

  constructor(root: string) {
    this.#root = realpathSync.native(root)
  }

  directory<T>(names: readonly string[], act: (path: string) => T): T {
    const path = this.#checked(names)
    const result = act(path)
    this.#checked(names)
    return result
  }

  entry<T>(parent: readonly string[], name: string, act: (path: string) => T): T {
    if (!isHostName(name)) throw errno('ENOENT')
    return this.directory(parent, (directory) => {
      const path = directory.endsWith(sep) ? directory + name : directory + sep + name
      this.#checkForm(directory, name, path)
      return act(path)
    })
  }

  confirm(path: string, opened: BigIntStats): void {
    const now = lstatSync(path, { bigint: true })
    if (now.dev !== opened.dev || now.ino !== opened.ino || realpathSync.native(path) !== path) throw errno('EACCES')
  }

  close(): void {}

  #checked(names: readonly string[]): string {
    if (!names.every((name) => isHostName(name))) throw errno('ENOENT')
    const path = names.length === 0 ? this.#root : [this.#root.endsWith(sep) ? this.#root.slice(0, -1) : this.#root, ...names].join(sep)
    const real = realpathSync.native(path)
    if (real === path) return path
    throw errno(real.toLowerCase().normalize() === path.toLowerCase().normalize() ? 'ENOENT' : 'ENOTDIR')
  }

  #checkForm(directory: string, name: string, path: string): void {
    const entry = lstatSync(path, { throwIfNoEntry: false })
    if (entry === undefined) return
    const exact = entry.isSymbolicLink() ? readdirSync(directory, 'utf8').includes(name) : realpathSync.native(path) === path
    if (!exact) throw errno('ENOENT')
  }
}

/** Names that Windows reads as something else: other separators, streams, devices, cut endings. */
export function isHostName(name: string, platform: string = process.platform): boolean {
  if (platform !== 'win32') return true
  return !/[<>:"\\|?*\u0000-\u001f]|[. ]$/.test(name) && !/^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)/i.test(name)
}
