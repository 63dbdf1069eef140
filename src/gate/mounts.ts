/** The files of mounts as guests reach them: each call canonical, decided, then handed to the mount's driver. */
import { RequestFlag } from '../../capabilities/isa.ts'
import {
  type DirectoryEntry,
  type FileStat,
  GuestFacingError,
  type HostFile,
  type MaybePromise,
  type MountId,
  type MountPath,
  type MountPort,
  type OpenIntent,
} from '../kernel/host-port.ts'
import { accessError, type Calls, type Permit } from './calls.ts'
import { canonicalPath, pathBeneath, pathInMount } from './canonical-path.ts'
import type { FileDriver, Mount } from './drivers.ts'
import { GatedFile, type Traffic } from './handles.ts'
import { isLate, mapMaybe, undoOnFailure } from './maybe.ts'

type FileOperation = 'fs.read' | 'fs.write'

function busy(): GuestFacingError {
  return new GuestFacingError('EBUSY', 'a mount point cannot be moved or removed')
}

/** Closes a file that nobody waits for. What fails is the driver's own matter: the handle is closed. */
function letGo(file: HostFile): void {
  try {
    const closing = file.close()
    if (isLate(closing)) closing.catch(() => {})
  } catch {
    // As above.
  }
}

export class GatedMounts implements MountPort {
  readonly #mounts: readonly Mount[]
  readonly #calls: Calls
  readonly #traffic: Traffic
  readonly #open = new Set<GatedFile>()

  /** @throws GuestFacingError when a mount's place is not canonical */
  constructor(mounts: readonly Mount[], calls: Calls, traffic: Traffic) {
    for (const { at } of mounts) if (canonicalPath(at) !== at) throw accessError()
    this.#mounts = mounts
    this.#calls = calls
    this.#traffic = traffic
  }

  #mount(id: MountId): Mount {
    const mount = this.#mounts[id]
    if (!mount) throw new GuestFacingError('ENOENT', 'no such file or directory')
    return mount
  }

  /** The absolute path, or a refusal that is recorded. */
  #canonical(mount: Mount, path: MountPath, operation: FileOperation): string {
    try {
      return pathInMount(mount.at, path)
    } catch (error) {
      this.#calls.refuse(operation, path.startsWith('/') ? path : `${mount.at}/${path}`)
      throw error
    }
  }

  /** Decides a request for a canonical path. `undefined` when it is refused. */
  #tryAsk(mount: Mount, name: string, operation: FileOperation, flags = 0): Permit | undefined {
    return this.#calls.ask({ operation, name, flags: flags | (mount.mode === 'ro' ? RequestFlag.READ_ONLY : 0) })
  }

  #ask(mount: Mount, path: MountPath, operation: FileOperation): Permit {
    const permit = this.#tryAsk(mount, this.#canonical(mount, path, operation), operation)
    if (!permit) throw accessError()
    return permit
  }

  /** One decision, one call of the driver with the path that was decided on. */
  #call<T>(
    id: MountId,
    path: MountPath,
    operation: FileOperation,
    act: (driver: FileDriver, path: MountPath) => MaybePromise<T>,
  ): MaybePromise<T> {
    const mount = this.#mount(id)
    const permit = this.#ask(mount, path, operation)
    return this.#calls.perform({ permits: [permit], act: () => act(mount.driver, pathBeneath(mount.at, permit.name)) })
  }

  /**
   * No decision of its own. A path that no grant covers is answered as it is, so that the call that follows is the one
   * to be refused, and the driver is never asked: its answers would tell what exists.
   */
  resolve(id: MountId, path: MountPath, followLast: boolean): MaybePromise<MountPath> {
    const mount = this.#mount(id)
    const name = this.#canonical(mount, path, 'fs.read')
    const beneath = pathBeneath(mount.at, name)
    if (!this.#calls.probe('fs.read', name) && !this.#calls.probe('fs.write', name)) return beneath
    return this.#calls.perform({ permits: [], act: () => mount.driver.resolve(beneath, followLast) })
  }

  open(id: MountId, path: MountPath, intent: OpenIntent): MaybePromise<HostFile> {
    const mount = this.#mount(id)
    const writes = intent.write || intent.create || intent.truncate || intent.append
    const reads = intent.read || !writes
    const name = this.#canonical(mount, path, writes ? 'fs.write' : 'fs.read')
    const reading = reads ? this.#tryAsk(mount, name, 'fs.read') : undefined
    if (reads && !reading) throw accessError()
    const writing = writes ? this.#tryAsk(mount, name, 'fs.write', reads ? RequestFlag.CONTINUED : 0) : undefined
    if (writes && !writing) {
      this.#calls.cancel(reading)
      throw accessError()
    }
    return this.#openPermitted(mount, intent, reading, writing)
  }

  #openPermitted(
    mount: Mount,
    intent: OpenIntent,
    reading: Permit | undefined,
    writing: Permit | undefined,
  ): MaybePromise<HostFile> {
    const permits = [reading, writing].filter((permit) => permit !== undefined)
    const name = permits[0]!.name
    // The handle is bound before the driver opens: a file is never open without one.
    const handle = this.#calls.cvm.exports.openHandle(reading?.reservation ?? 0, writing?.reservation ?? 0)
    if (handle === 0) {
      for (const permit of permits) this.#calls.cancel(permit)
      throw new GuestFacingError('EMFILE', 'too many open files')
    }
    const release = (): void => void this.#calls.cvm.exports.closeHandle(handle)
    const wrap = (file: HostFile): HostFile => {
      const gated = new GatedFile({
        calls: this.#calls,
        file,
        path: name,
        handle,
        traffic: this.#traffic,
        closed: (closed) => this.#open.delete(closed),
      })
      this.#open.add(gated)
      return gated
    }
    return this.#calls.perform({
      permits,
      act: () => undoOnFailure(() => mapMaybe(mount.driver.open(pathBeneath(mount.at, name), intent), wrap), release),
      drop: letGo,
      cancel: release,
    })
  }

  stat(id: MountId, path: MountPath): MaybePromise<FileStat> {
    return this.#call(id, path, 'fs.read', (driver, beneath) => driver.stat(beneath))
  }

  list(id: MountId, path: MountPath): MaybePromise<DirectoryEntry[]> {
    return this.#call(id, path, 'fs.read', (driver, beneath) => driver.list(beneath))
  }

  readLink(id: MountId, path: MountPath): MaybePromise<string> {
    return this.#call(id, path, 'fs.read', (driver, beneath) => driver.readLink(beneath))
  }

  makeDirectory(id: MountId, path: MountPath): MaybePromise<void> {
    return this.#call(id, path, 'fs.write', (driver, beneath) => driver.makeDirectory(beneath))
  }

  removeFile(id: MountId, path: MountPath): MaybePromise<void> {
    return this.#call(id, path, 'fs.write', (driver, beneath) => driver.removeFile(beneath))
  }

  removeDirectory(id: MountId, path: MountPath): MaybePromise<void> {
    return this.#call(id, path, 'fs.write', (driver, beneath) => {
      if (beneath === '') throw busy()
      return driver.removeDirectory(beneath)
    })
  }

  setTimes(id: MountId, path: MountPath, accessedMs: number, modifiedMs: number): MaybePromise<void> {
    return this.#call(id, path, 'fs.write', (driver, beneath) => driver.setTimes(beneath, accessedMs, modifiedMs))
  }

  /**
   * A link on a mount is followed by others of the host too, who take what they find for the guest's: so the guest must be
   * able to read what it leads to. The target leads downwards (`MountPort.symlink`), so its name is known here.
   */
  symlink(id: MountId, target: string, path: MountPath): MaybePromise<void> {
    const mount = this.#mount(id)
    const name = this.#canonical(mount, path, 'fs.write')
    const leadsTo = canonicalPath(`${name.slice(0, name.lastIndexOf('/'))}/${target}`)
    const reading = this.#tryAsk(mount, leadsTo, 'fs.read')
    if (!reading) throw accessError()
    const writing = this.#tryAsk(mount, name, 'fs.write', RequestFlag.CONTINUED)
    if (!writing) {
      this.#calls.cancel(reading)
      throw accessError()
    }
    return this.#calls.perform({
      permits: [reading, writing],
      act: () => mount.driver.symlink(target, pathBeneath(mount.at, writing.name)),
    })
  }

  /** What a file holds is read and written by either name: the same must be allowed as for moving it there. */
  link(id: MountId, existing: MountPath, path: MountPath): MaybePromise<void> {
    const mount = this.#mount(id)
    const source = this.#canonical(mount, existing, 'fs.write')
    const target = this.#canonical(mount, path, 'fs.write')
    const permits = this.#askMove(mount, source, target)
    const [from, to] = [permits[0]!.name, permits[1]!.name]
    return this.#calls.perform({
      permits,
      act: () => mount.driver.link(pathBeneath(mount.at, from), pathBeneath(mount.at, to)),
    })
  }

  /**
   * Deletes at the source and creates at the destination: both are writes. Where the destination can be read, the source
   * must be readable too, else moving a file would be reading it. A directory takes along what is beneath it: everything
   * there must be covered on both sides. What a file is, the driver is asked only when the names alone are allowed.
   */
  rename(id: MountId, from: MountPath, to: MountPath): MaybePromise<void> {
    const mount = this.#mount(id)
    const source = this.#canonical(mount, from, 'fs.write')
    const target = this.#canonical(mount, to, 'fs.write')
    this.#checkMove(mount, source, target, 0)
    const [fromPath, toPath] = [pathBeneath(mount.at, source), pathBeneath(mount.at, target)]
    if (fromPath === '' || toPath === '') throw busy()
    const kind = this.#calls.perform({ permits: [], act: () => mount.driver.stat(fromPath) })
    return mapMaybe(kind, (stat) => {
      if (stat.kind === 'directory') this.#checkMove(mount, `${source}/`, `${target}/`, RequestFlag.SUBTREE)
      const permits = this.#askMove(mount, source, target)
      const [checkedFrom, checkedTo] = [permits[0]!.name, permits[1]!.name]
      return this.#calls.perform({
        permits,
        act: () => mount.driver.rename(pathBeneath(mount.at, checkedFrom), pathBeneath(mount.at, checkedTo)),
      })
    })
  }

  /** What moving takes, decision by decision. */
  #moveNeeds(source: string, target: string, flags: number): [string, FileOperation][] {
    const needs: [string, FileOperation][] = [
      [source, 'fs.write'],
      [target, 'fs.write'],
    ]
    // Of a directory, any part of the destination that can be read counts: without a proof that none can, all may be.
    if (flags !== 0 || this.#calls.probe('fs.read', target)) needs.push([source, 'fs.read'])
    return needs
  }

  /** Refuses, on the record, a move that is not allowed. Charges nothing when it is. */
  #checkMove(mount: Mount, source: string, target: string, flags: number): void {
    const mode = mount.mode === 'ro' ? RequestFlag.READ_ONLY : 0
    for (const [name, operation] of this.#moveNeeds(source, target, flags)) {
      if (this.#calls.probe(operation, name, flags | mode)) continue
      this.#calls.cancel(this.#tryAsk(mount, name, operation, flags))
      throw accessError()
    }
  }

  /** Every decision that moving takes; all or none. */
  #askMove(mount: Mount, source: string, target: string): Permit[] {
    const permits: Permit[] = []
    for (const [name, operation] of this.#moveNeeds(source, target, 0)) {
      const permit = this.#tryAsk(mount, name, operation, permits.length > 0 ? RequestFlag.CONTINUED : 0)
      if (!permit) {
        for (const held of permits) this.#calls.cancel(held)
        throw accessError()
      }
      permits.push(permit)
    }
    return permits
  }

  /** Closes every file that is still open. */
  closeAll(): void {
    for (const file of [...this.#open]) letGo(file)
  }
}
