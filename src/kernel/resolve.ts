/** Path resolution over the private tree and the mounts: links followed, `..` kept beneath the root, every step bounded. */
import { BORDER } from '../limits.ts'
import { errno } from './errno.ts'
import type { DirectoryNode, TreeNode } from './file-nodes.ts'
import type { FileTree } from './files.ts'
import type { MountId, MountPath, MountPort } from './host-port.ts'
import type { MountTable } from './mounts.ts'
import { checkName, pathOf } from './paths.ts'
import { type Steps, wait } from './steps.ts'

/** Where a path leads. `path` is canonical; `slash` is set when the path said that it means a directory. */
export type Place =
  | {
      at: 'private'
      path: string
      /** The directory that holds the name; the root holds itself under the name `''`. */
      directory: DirectoryNode
      name: string
      /** Undefined when nothing has the name yet. */
      node: TreeNode | undefined
      slash: boolean
      /** The private directories along the path. */
      trail: readonly DirectoryNode[]
    }
  | {
      at: 'mount'
      path: string
      mount: MountId
      inner: MountPath
      slash: boolean
      /** The path leads to the directory that it was resolved beneath. */
      self: boolean
      trail: readonly DirectoryNode[]
    }

/**
 * An open directory that paths are resolved beneath: `..`, absolute paths and links that lead above it are refused.
 * A private directory is known by its nodes, which follow it when it is renamed; one of a mount by its names.
 */
export type Base = { names: readonly string[]; trail: readonly DirectoryNode[] }

/** The root directory of the sandbox, as one that paths are resolved beneath. */
export function rootBase(files: FileTree): Base {
  return { names: [], trail: [files.root] }
}

export type ResolveContext = { files: FileTree; mounts: MountTable; port: MountPort }

/**
 * Resolves a checked path from a canonical working directory.
 * @param followLast whether a symbolic link at the end is followed (a slash behind it follows it always)
 * @throws GuestFacingError ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, or what the mount's driver says
 */
export function* resolvePath(context: ResolveContext, cwd: string, path: string, followLast: boolean): Steps<Place> {
  return yield* new Walk(context, { cwd, path, followLast }).walk()
}

/**
 * Resolves a checked path beneath an open directory.
 * @throws GuestFacingError as `resolvePath`; ENOTCAPABLE for what leads out of the directory
 */
export function* resolveBeneath(context: ResolveContext, base: Base, path: string, followLast: boolean): Steps<Place> {
  if (path.startsWith('/')) throw errno('ENOTCAPABLE')
  return yield* new Walk(context, { base, path, followLast }).walk()
}

type Start = { path: string; followLast: boolean } & ({ cwd: string } | { base: Base })

/** Stands behind the last part of a path that means a directory (`a/`, `a/.`). */
const HERE = '.'

class Walk {
  readonly #context: ResolveContext
  readonly #followLast: boolean
  /** What is left, the next part last; no empty parts, HERE at the end only. */
  readonly #todo: string[] = []
  /** The canonical path so far. */
  readonly #names: string[]
  /** Names that the walk may not leave; undefined where `..` of the root is the root. */
  readonly #floor: readonly string[] | undefined
  /** The private directories along it: one more than names, or fewer inside a mount. */
  readonly #directories: DirectoryNode[]
  #inside: { mount: MountId; depth: number } | undefined
  /** How many of the names the port has called canonical. */
  #settled = 0
  #links = 0
  /** The path said that it means a directory. */
  #slash = false

  constructor(context: ResolveContext, start: Start) {
    this.#context = context
    this.#followLast = start.followLast
    const { names, trail } = 'base' in start ? start.base : rootBase(context.files)
    this.#floor = 'base' in start ? names : undefined
    this.#names = [...names]
    this.#directories = [...trail]
    this.#push(start.path)
    if ('cwd' in start && !start.path.startsWith('/')) this.#push(start.cwd)
    this.#inside = context.mounts.holding(names)
    // An open directory's names were canonical when it was opened.
    this.#settled = this.#inside === undefined ? 0 : names.length
  }

  *walk(): Steps<Place> {
    for (let part = this.#todo.pop(); part !== undefined; part = this.#todo.pop()) {
      if (part === HERE) break
      if (part === '..') {
        yield* this.#up()
        continue
      }
      checkName(part)
      if (this.#names.length >= BORDER.pathDepth) throw errno('ENAMETOOLONG')
      if (this.#inside !== undefined) this.#enter(part)
      else {
        const place = this.#step(part)
        if (place !== undefined) return place
      }
    }
    return this.#inside === undefined ? this.#here() : yield* this.#inMount(this.#inside)
  }

  /** Puts a path's parts before what is left. */
  #push(path: string): void {
    const parts = path.split('/')
    const end = parts.at(-1)
    if (this.#todo.length === 0 && (end === '' || end === HERE)) {
      this.#todo.push(HERE)
      this.#slash = true
    }
    for (const part of parts.reverse()) if (part !== '' && part !== HERE) this.#todo.push(part)
  }

  *#up(): Steps<void> {
    if (this.#inside !== undefined && this.#names.length > Math.max(this.#inside.depth, this.#settled))
      yield* this.#settle(true)
    if (this.#names.length === (this.#floor?.length ?? 0)) {
      if (this.#floor !== undefined) throw errno('ENOTCAPABLE')
      return
    }
    this.#names.pop()
    this.#settled = Math.min(this.#settled, this.#names.length)
    this.#directories.length = Math.min(this.#directories.length, this.#names.length + 1)
    if (this.#inside !== undefined && this.#names.length < this.#inside.depth)
      this.#inside = this.#context.mounts.holding(this.#names)
  }

  /** Goes down one name of the private tree; answers the place when the path ends there. */
  #step(name: string): Place | undefined {
    const directory = this.#directories.at(-1) as DirectoryNode
    const last = this.#todo.length === 0 || this.#todo[this.#todo.length - 1] === HERE
    const slash = last && this.#todo.length > 0
    const node = this.#context.files.lookup(directory, name)
    if (node?.kind === 'link' && (!last || slash || this.#followLast)) {
      this.#follow(node.target)
      return undefined
    }
    if (node?.kind === 'directory') {
      this.#directories.push(node)
      this.#enter(name)
      return undefined
    }
    if (!last) throw errno(node === undefined ? 'ENOENT' : 'ENOTDIR')
    if (slash && node !== undefined) throw errno('ENOTDIR')
    const trail = this.#directories
    return { at: 'private', path: pathOf([...this.#names, name]), directory, name, node, slash, trail }
  }

  #enter(name: string): void {
    this.#names.push(name)
    if (!this.#context.mounts.mayEnd(name)) return
    const mount = this.#context.mounts.at(pathOf(this.#names))
    if (mount !== undefined) this.#inside = { mount, depth: this.#names.length }
  }

  #follow(target: string): void {
    this.#countLink()
    this.#push(target)
    if (!target.startsWith('/')) return
    if (this.#floor !== undefined && this.#floor.length > 0) throw errno('ENOTCAPABLE')
    this.#names.length = 0
    this.#directories.length = 1
    this.#inside = this.#context.mounts.holding([])
  }

  #countLink(): void {
    if (++this.#links > BORDER.linkFollows) throw errno('ELOOP')
  }

  #here(): Place {
    const trail = this.#directories
    const node = trail.at(-1) as DirectoryNode
    const path = pathOf(this.#names)
    // What was opened, and the root, have no name here: they are not removed or renamed through themselves.
    if (this.#isSelf()) return { at: 'private', path, directory: node, name: '', node, slash: false, trail }
    const directory = trail.at(-2) ?? node
    return { at: 'private', path, directory, name: this.#names.at(-1) ?? '', node, slash: false, trail }
  }

  #isSelf(): boolean {
    return this.#names.length === (this.#floor?.length ?? 0)
  }

  *#inMount(inside: { mount: MountId; depth: number }): Steps<Place> {
    const slash = this.#slash
    const { mount, depth } =
      this.#names.length > Math.max(inside.depth, this.#settled)
        ? yield* this.#settle(this.#followLast || slash)
        : inside
    return {
      at: 'mount',
      path: pathOf(this.#names),
      mount,
      inner: this.#names.slice(depth).join('/'),
      slash,
      self: this.#floor !== undefined && this.#isSelf(),
      trail: this.#directories,
    }
  }

  /**
   * Asks the port which path inside the mount is meant: only it can tell what is a link there. A link that leads to
   * where another mount lies goes on in that mount.
   */
  *#settle(followLast: boolean): Steps<{ mount: MountId; depth: number }> {
    for (;;) {
      const inside = this.#inside as { mount: MountId; depth: number }
      this.#countLink() // each question costs the host more than a link costs us
      const inner = this.#names.slice(inside.depth).join('/')
      const canonical = yield* wait(this.#context.port.resolve(inside.mount, inner, followLast))
      this.#names.length = inside.depth
      if (canonical !== '') this.#names.push(...canonical.split('/'))
      if (this.#names.length > BORDER.pathDepth) throw errno('ENAMETOOLONG')
      this.#settled = this.#names.length
      if (this.#floor?.some((name, at) => this.#names[at] !== name)) throw errno('ENOTCAPABLE')
      this.#inside = this.#context.mounts.holding(this.#names) ?? inside
      if (this.#inside.mount === inside.mount || this.#names.length === this.#inside.depth) return this.#inside
    }
  }
}
