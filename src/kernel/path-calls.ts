/** Work on paths: each resolves first, then commits at once in the private tree or asks the host port about a mount. */
import { errno } from './errno.ts'
import { statOf } from './file-nodes.ts'
import { type DirectoryEntry, type FileStat, GuestFacingError, type OpenIntent } from './host-port.ts'
import { MountFile, type OpenFile, PrivateDirectory, PrivateFile } from './open-file.ts'
import { compareNames } from './paths.ts'
import type { Process } from './process.ts'
import { type Base, type Place, resolveBeneath, resolvePath } from './resolve.ts'
import { type Steps, wait } from './steps.ts'

type PrivatePlace = Extract<Place, { at: 'private' }>

/** A checked path: from the working directory, or beneath an open directory. */
export type Where = string | { base: Base; path: string }

/** Where a checked path leads for a process. */
export function* resolveFor(process: Process, where: Where, followLast: boolean): Steps<Place> {
  const { files, mounts, port } = process.services
  const context = { files, mounts, port: port.files }
  if (typeof where === 'string') return yield* resolvePath(context, process.cwd, where, followLast)
  return yield* resolveBeneath(context, where.base, where.path, followLast)
}

/** Whether a place is the root, a mount's root or what paths are resolved beneath: it stays where it is. */
function isFixed(process: Process, place: Place): boolean {
  const self = place.at === 'private' ? place.name === '' : place.self
  return self || place.path === '/' || process.services.mounts.pins(place.path)
}

/** Opens a path and answers its descriptor. Nothing is made when no descriptor is left. */
export function* openPath(process: Process, path: Where, intent: OpenIntent): Steps<number> {
  const { descriptor } = yield* openAt(process, path, intent, !(intent.create && intent.exclusive))
  return descriptor
}

/** What was opened. `base` is there for a directory, `mount` for what is on one. */
export type Opened = {
  descriptor: number
  file: OpenFile
  kind: 'file' | 'directory'
  base: Base | undefined
  mount: number | undefined
}

/** The same, with what was found. */
export function* openAt(process: Process, path: Where, intent: OpenIntent, followLast: boolean): Steps<Opened> {
  const run = process.signal
  process.descriptors.reserve()
  const place = yield* resolveFor(process, path, followLast)
  // A waiting resolution may have outlived the run, or others may have taken the last number.
  if (run.aborted) throw errno('ECANCELED')
  process.descriptors.reserve()
  if (place.at === 'private') return openedOf(process, place, openPrivate(process, place, intent))
  if (place.slash && intent.create) throw errno('EISDIR')
  // Before the open, which may cut the file.
  if (place.slash) yield* mustBeDirectory(process, place)
  const { files } = process.services.port
  const opened = new MountFile(yield* wait(files.open(place.mount, place.inner, intent)), intent)
  try {
    if (run.aborted) throw errno('ECANCELED')
    if (place.slash && opened.kind !== 'directory') throw errno('ENOTDIR')
    return openedOf(process, place, opened)
  } catch (error) {
    yield* wait(opened.close())
    throw error
  }
}

function openedOf(process: Process, place: Place, file: PrivateFile | PrivateDirectory | MountFile): Opened {
  const descriptor = process.descriptors.add(file)
  const { kind } = file
  const names = place.path === '/' ? [] : place.path.slice(1).split('/')
  const mount = place.at === 'mount' ? place.mount : undefined
  return { descriptor, file, kind, mount, base: kind === 'directory' ? { names, trail: [...place.trail] } : undefined }
}

function openPrivate(process: Process, place: PrivatePlace, intent: OpenIntent): PrivateFile | PrivateDirectory {
  const { files } = process.services
  // Looked up again: what the resolver saw may be from before a wait.
  const node = place.name === '' ? place.node : files.lookup(place.directory, place.name)
  if (node === undefined) {
    if (!intent.create) throw errno('ENOENT')
    if (place.slash) throw errno('EISDIR')
    return new PrivateFile(files, files.createFile(place.directory, place.name), intent)
  }
  if (intent.create && intent.exclusive) throw errno('EEXIST')
  if (node.kind === 'link') throw errno('ELOOP')
  if (node.kind === 'directory') {
    if (intent.write || intent.create) throw errno('EISDIR')
    return new PrivateDirectory(files, node)
  }
  if (node.sealed && intent.write) throw errno('EROFS')
  if (intent.truncate) files.truncate(node, 0)
  return new PrivateFile(files, node, intent)
}

export function* statPath(process: Process, path: Where, followLast: boolean): Steps<FileStat> {
  return yield* statPlace(process, yield* resolveFor(process, path, followLast))
}

function* statPlace(process: Process, place: Place): Steps<FileStat> {
  if (place.at === 'private') {
    if (place.node === undefined) throw errno('ENOENT')
    return statOf(place.node)
  }
  const stat = yield* wait(process.services.port.files.stat(place.mount, place.inner))
  if (place.slash && stat.kind !== 'directory') throw errno('ENOTDIR')
  return stat
}

/** Entries of a directory by name; roots of mounts are among them. */
export function* listPath(process: Process, path: Where): Steps<DirectoryEntry[]> {
  const place = yield* resolveFor(process, path, true)
  const { files, mounts, port } = process.services
  if (place.at === 'private') {
    if (place.node === undefined) throw errno('ENOENT')
    if (place.node.kind !== 'directory') throw errno('ENOTDIR')
    return files.list(place.node)
  }
  const entries = yield* wait(port.files.list(place.mount, place.inner))
  const inside = mounts.namesIn(place.path)
  if (inside.length === 0) return entries
  const others = entries.filter((entry) => !inside.includes(entry.name))
  const roots = inside.map((name) => ({ name, kind: 'directory' as const, inode: 0 }))
  return [...others, ...roots].sort((a, b) => compareNames(a.name, b.name))
}

export function* makeDirectory(process: Process, path: Where): Steps<void> {
  const place = yield* resolveFor(process, path, false)
  const { files, port } = process.services
  if (place.at === 'mount') return yield* wait(port.files.makeDirectory(place.mount, place.inner))
  if (place.name === '') throw errno('EEXIST')
  files.makeDirectory(place.directory, place.name)
}

export function* removeFile(process: Process, path: Where): Steps<void> {
  const place = yield* resolveFor(process, path, false)
  const { files, port } = process.services
  if (process.services.mounts.pins(place.path)) throw errno('EBUSY')
  if (place.slash && place.at === 'mount') {
    const failure = yield* slashFailure(process, place)
    throw errno(failure === 'EEXIST' ? 'EISDIR' : failure)
  }
  if (place.slash) throw errno(place.at === 'private' && place.node === undefined ? 'ENOENT' : 'ENOTDIR')
  if (place.at === 'mount') return yield* wait(port.files.removeFile(place.mount, place.inner))
  if (place.name === '') throw errno('EISDIR')
  files.unlink(place.directory, place.name)
}

export function* removeDirectory(process: Process, path: Where): Steps<void> {
  const place = yield* resolveFor(process, path, false)
  const { files, port } = process.services
  if (isFixed(process, place)) throw errno('EBUSY')
  if (place.at === 'mount') return yield* wait(port.files.removeDirectory(place.mount, place.inner))
  files.removeDirectory(place.directory, place.name)
}

/** @returns the canonical names, before and after, of what a mount holds: nothing else is known by its names */
export function* renamePath(process: Process, from: Where, to: Where): Steps<{ from: string; to: string } | undefined> {
  const run = process.signal
  const source = yield* resolveFor(process, from, false)
  const target = yield* resolveFor(process, to, false)
  if (run.aborted) throw errno('ECANCELED')
  const { files, port } = process.services
  for (const place of [source, target]) if (isFixed(process, place)) throw errno('EBUSY')
  if (source.at === 'mount' && target.at === 'mount' && source.mount === target.mount) {
    if (source.slash || target.slash) yield* mustBeDirectory(process, source)
    yield* wait(port.files.rename(source.mount, source.inner, target.inner))
    return { from: source.path, to: target.path }
  }
  if (source.at !== 'private' || target.at !== 'private') throw errno('EXDEV')
  const node = files.lookup(source.directory, source.name)
  if (node !== undefined && node.kind !== 'directory' && target.slash) throw errno('ENOTDIR')
  files.rename(source.directory, source.name, target.directory, target.name)
  return undefined
}

function* mustBeDirectory(process: Process, place: Place): Steps<void> {
  const run = process.signal
  const { kind } = yield* statPlace(process, place)
  if (run.aborted) throw errno('ECANCELED')
  if (kind !== 'directory') throw errno('ENOTDIR')
}

/**
 * A symbolic link; its target is any path. On a mount others of the host follow it too: there it may only lead downwards,
 * so that it leads nowhere else when what lies above it is moved.
 */
export function* symlinkPath(process: Process, target: string, path: Where): Steps<void> {
  const place = yield* resolveFor(process, path, false)
  if (place.at === 'mount') {
    if (place.self) throw errno('EEXIST')
    if (target.startsWith('/') || /(^|[/\\])\.\.([/\\]|$)/.test(target)) throw errno('EPERM')
    if (place.slash) throw errno(yield* slashFailure(process, place))
    return yield* wait(process.services.port.files.symlink(place.mount, target, place.inner))
  }
  if (place.node !== undefined) throw errno('EEXIST')
  if (place.slash) throw errno('ENOENT')
  process.services.files.symlink(place.directory, place.name, target)
}

/** What is wrong with a name of a mount that ends in a slash and is none of a directory. */
function* slashFailure(
  process: Process,
  place: Extract<Place, { at: 'mount' }>,
): Steps<'EEXIST' | 'ENOENT' | 'ENOTDIR'> {
  try {
    const { kind } = yield* wait(process.services.port.files.stat(place.mount, place.inner))
    return kind === 'directory' ? 'EEXIST' : 'ENOTDIR'
  } catch (error) {
    if (error instanceof GuestFacingError && error.code === 'ENOENT') return 'ENOENT'
    throw error
  }
}

/** A second name for a file, of the same mount or both private. */
export function* linkPath(process: Process, existing: Where, path: Where): Steps<void> {
  const run = process.signal
  const source = yield* resolveFor(process, existing, false)
  const target = yield* resolveFor(process, path, false)
  if (run.aborted) throw errno('ECANCELED')
  const { files, port } = process.services
  if (source.at === 'mount' && target.at === 'mount' && source.mount === target.mount) {
    if (target.slash) throw errno(yield* slashFailure(process, target))
    if (source.slash) yield* statPlace(process, source)
    return yield* wait(port.files.link(source.mount, source.inner, target.inner))
  }
  if (source.at === 'mount' || target.at === 'mount') throw errno('EXDEV')
  const node = files.lookup(source.directory, source.name)
  if (node === undefined) throw errno(source.name === '' ? 'EPERM' : 'ENOENT')
  if (target.slash) throw errno('ENOENT')
  if (target.name === '') throw errno('EEXIST')
  files.link(node, target.directory, target.name)
}

export function* readLink(process: Process, path: Where): Steps<string> {
  const place = yield* resolveFor(process, path, false)
  if (place.at === 'mount') return yield* wait(process.services.port.files.readLink(place.mount, place.inner))
  if (place.node === undefined) throw errno('ENOENT')
  if (place.node.kind !== 'link') throw errno('EINVAL')
  return place.node.target
}

/** The canonical path of something that exists. */
export function* realPath(process: Process, path: Where): Steps<string> {
  const place = yield* resolveFor(process, path, true)
  yield* statPlace(process, place)
  return place.path
}

export function* setTimes(
  process: Process,
  path: Where,
  accessedMs: number,
  modifiedMs: number,
  followLast = true,
): Steps<void> {
  const place = yield* resolveFor(process, path, followLast)
  const { files, port } = process.services
  if (place.at === 'mount' && place.slash) yield* mustBeDirectory(process, place)
  if (place.at === 'mount') return yield* wait(port.files.setTimes(place.mount, place.inner, accessedMs, modifiedMs))
  if (place.node === undefined) throw errno('ENOENT')
  files.setTimes(place.node, accessedMs, modifiedMs)
}

export function* changeDirectory(process: Process, path: Where): Steps<void> {
  const run = process.signal
  const place = yield* resolveFor(process, path, true)
  const stat = yield* statPlace(process, place)
  if (run.aborted) throw errno('ECANCELED')
  if (stat.kind !== 'directory') throw errno('ENOTDIR')
  process.cwd = place.path
}
