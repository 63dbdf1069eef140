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
    }
  | { at: 'mount'; path: string; mount: MountId; inner: MountPath; slash: boolean }

export type ResolveContext = { files: FileTree; mounts: MountTable; port: MountPort }

/**
 * Resolves a checked path from a canonical working directory.
 * @param followLast whether a symbolic link at the end is followed (a slash behind it follows it always)
 * @throws GuestFacingError ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, or what the mount's driver says
 */
export function* resolvePath(context: ResolveContext, cwd: string, path: string, followLast: boolean): Steps<Place> {
  return yield* new Walk(context, cwd, path, followLast).walk()
}

/** Stands behind the last part of a path that means a directory (`a/`, `a/.`). */
const HERE = '.'

class Walk {
  readonly #context: ResolveContext
  readonly #followLast: boolean
  /** What is left, the next part last; no empty parts, HERE at the end only. */
  readonly #todo: string[] = []
  /** The canonical path so far. */
  readonly #names: string[] = []
  /** The private directories along it: one more than names, or fewer inside a mount. */
  readonly #directories: DirectoryNode[]
  #inside: { mount: MountId; depth: number } | undefined
  /** How many of the names the port has called canonical. */
  #settled = 0
  #links = 0
  /** The path said that it means a directory. */
  #slash = false

  constructor(context: ResolveContext, cwd: string, path: string, followLast: boolean) {
    this.#context = context
    this.#followLast = followLast
    this.#directories = [context.files.root]
    this.#push(path)
    if (!path.startsWith('/')) this.#push(cwd)
    this.#inside = context.mounts.holding([])
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
    if (this.#names.length === 0) return
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
    return { at: 'private', path: pathOf([...this.#names, name]), directory, name, node, slash }
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
    this.#names.length = 0
    this.#directories.length = 1
    this.#inside = this.#context.mounts.holding([])
  }

  #countLink(): void {
    if (++this.#links > BORDER.linkFollows) throw errno('ELOOP')
  }

  #here(): Place {
    const node = this.#directories.at(-1) as DirectoryNode
    const directory = this.#directories.at(-2) ?? node
    return { at: 'private', path: pathOf(this.#names), directory, name: this.#names.at(-1) ?? '', node, slash: false }
  }

  *#inMount(inside: { mount: MountId; depth: number }): Steps<Place> {
    const slash = this.#slash
    const { mount, depth } =
      this.#names.length > Math.max(inside.depth, this.#settled)
        ? yield* this.#settle(this.#followLast || slash)
        : inside
    return { at: 'mount', path: pathOf(this.#names), mount, inner: this.#names.slice(depth).join('/'), slash }
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
      this.#inside = this.#context.mounts.holding(this.#names) ?? inside
      if (this.#inside.mount === inside.mount || this.#names.length === this.#inside.depth) return this.#inside
    }
  }
}
