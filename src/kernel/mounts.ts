/** The mount table: which guest paths are answered by the host port instead of the private tree. */
import { TokaError } from '../errors.ts'
import type { MountId } from './host-port.ts'
import { hostGivenPath, pathOf } from './paths.ts'

export class MountTable {
  readonly #byPath = new Map<string, MountId>()
  readonly #paths: string[] = []
  readonly #lastNames = new Set<string>()

  /**
   * @param paths absolute guest paths; the index is the MountId. One may lie within another.
   * @throws TokaError TOKA_REQUEST_INVALID for a path that is none, or that occurs twice
   */
  constructor(paths: readonly string[]) {
    for (const path of paths) {
      const names = hostGivenPath(path, 'mounts')
      const canonical = pathOf(names)
      if (this.#byPath.has(canonical)) throw new TokaError('TOKA_REQUEST_INVALID', `mounts: ${canonical} occurs twice`)
      this.#byPath.set(canonical, this.#paths.length)
      this.#paths.push(canonical)
      this.#lastNames.add(names.at(-1) ?? '')
    }
  }

  get paths(): readonly string[] {
    return this.#paths
  }

  /** The mount whose root is this canonical path. */
  at(path: string): MountId | undefined {
    return this.#byPath.get(path)
  }

  /** Whether some mount's path ends in this name: a cheap test before {@link at}. */
  mayEnd(name: string): boolean {
    return this.#lastNames.has(name)
  }

  /** The innermost mount that holds a canonical path. */
  holding(names: readonly string[]): { mount: MountId; depth: number } | undefined {
    if (this.#paths.length === 0) return undefined
    for (let depth = names.length; depth >= 0; depth--) {
      const mount = this.#byPath.get(pathOf(names.slice(0, depth)))
      if (mount !== undefined) return { mount, depth }
    }
    return undefined
  }

  /** Whether a mount's root is at or beneath a canonical path: such a name can be neither removed nor renamed. */
  pins(path: string): boolean {
    const beneath = path === '/' ? '/' : `${path}/`
    return this.#paths.some((mount) => mount === path || mount.startsWith(beneath))
  }

  /** Names of mounts directly in a directory. */
  namesIn(path: string): string[] {
    const beneath = path === '/' ? '/' : `${path}/`
    const inside = this.#paths.filter((mount) => mount !== '/' && mount.startsWith(beneath))
    return inside.map((mount) => mount.slice(beneath.length)).filter((name) => !name.includes('/'))
  }
}
