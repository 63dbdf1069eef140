/** Operations on names: directories, links, renames. Each is a generator of host calls (steps.ts) with Node's arguments. */
import { codedError } from '../failures.ts'
import { wordAndText, writeDouble } from '../natives.ts'
import {
  PathLink,
  PathList,
  PathMakeDirectory,
  PathReadLink,
  PathReal,
  PathRemoveDirectory,
  PathRemoveFile,
  PathRename,
  PathSetTimes,
  PathStat,
  PathSymlink,
} from '../operations.generated.ts'
import { bytesLength, setBytes } from '../primordials.ts'
import { decode } from '../values/decode.ts'
import { encode } from '../values/encode.ts'
import { part } from '../parts.ts'
import { fromUtf8, toUtf8 } from '../web/utf8.ts'
import { constants, optionsOf, pathOf, timeOf } from './arguments.ts'
import { readFile, writeFile } from './contents.ts'
import { fileError } from './errors.ts'
import { Dirent, type FileKind, type FileStat, Stats } from './stats.ts'
import { type Steps, step } from './steps.ts'

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? ''

function* rawStat(path: string, follow: boolean, syscall: string): Steps<FileStat> {
  return decode(yield* step(PathStat, wordAndText(follow ? 1 : 0, path), { syscall, path })) as FileStat
}

function* statAs(path: unknown, follow: boolean, syscall: string, options: unknown): Steps<Stats | undefined> {
  try {
    return new Stats(yield* rawStat(pathOf(path), follow, syscall))
  } catch (error) {
    if (optionsOf(options).throwIfNoEntry === false && codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

export function stat(path: unknown, options?: unknown): Steps<Stats | undefined> {
  return statAs(path, true, 'stat', options)
}

export function lstat(path: unknown, options?: unknown): Steps<Stats | undefined> {
  return statAs(path, false, 'lstat', options)
}

/** Whether the file is there. The kernel tells nothing of rights in advance: a refusal shows when the file is used. */
export function* access(path: unknown, _mode?: unknown): Steps<undefined> {
  yield* rawStat(pathOf(path), true, 'access')
  return undefined
}

export function* exists(path: unknown): Steps<boolean> {
  try {
    yield* access(path)
    return true
  } catch {
    return false
  }
}

function* list(path: string): Steps<[name: string, kind: FileKind][]> {
  const all: [string, FileKind][] = []
  let cursor = 0
  do {
    const text = toUtf8(path)
    const argument = new Uint8Array(8 + bytesLength(text))
    writeDouble(argument, 0, cursor)
    setBytes(argument, text, 8)
    const page = decode(yield* step(PathList, argument, { syscall: 'scandir', path })) as [[string, FileKind][], number]
    all.push(...page[0])
    cursor = page[1]
  } while (cursor >= 0)
  return all
}

const inside = (folder: string, name: string): string => (folder.endsWith('/') ? folder + name : `${folder}/${name}`)

export function* readdir(path: unknown, options?: unknown): Steps<(string | Dirent)[]> {
  const { withFileTypes, recursive } = optionsOf(options)
  const top = pathOf(path)
  const found: (string | Dirent)[] = []
  const folders: [at: string, shown: string][] = [[top, '']]
  for (const [folder, shown] of folders) {
    for (const [name, kind] of yield* list(folder)) {
      found.push(withFileTypes ? new Dirent(name, folder, kind) : shown + name)
      if (recursive && kind === 'directory') folders.push([inside(folder, name), `${shown}${name}/`])
    }
  }
  return found
}

function* makeOne(path: string): Steps<undefined> {
  yield* step(PathMakeDirectory, path, { syscall: 'mkdir', path })
  return undefined
}

/** @returns with `recursive`, the first directory that was made */
export function* mkdir(path: unknown, options?: unknown): Steps<string | undefined> {
  const text = pathOf(path)
  if (typeof options === 'number' || !optionsOf(options).recursive) return yield* makeOne(text)
  const parts = text.split('/')
  let first: string | undefined
  for (let count = 1; count <= parts.length; count++) {
    const part = parts[count - 1]
    if (part === '' || part === '.') continue
    const folder = parts.slice(0, count).join('/')
    try {
      yield* makeOne(folder)
      first ??= folder
    } catch (error) {
      if (codeOf(error) === 'ENOENT') throw error
      // Whatever refuses to make what is there already (EEXIST, EACCES of a mount's root): it must be a directory.
      const there = yield* statAs(folder, true, 'mkdir', { throwIfNoEntry: false })
      if (!there?.isDirectory())
        throw codeOf(error) === 'EEXIST' && count < parts.length
          ? fileError('ENOTDIR', { syscall: 'mkdir', path: text })
          : error
    }
  }
  return first
}

export function* rmdir(path: unknown, _options?: unknown): Steps<undefined> {
  const text = pathOf(path)
  yield* step(PathRemoveDirectory, text, { syscall: 'rmdir', path: text })
  return undefined
}

export function* unlink(path: unknown): Steps<undefined> {
  const text = pathOf(path)
  yield* step(PathRemoveFile, text, { syscall: 'unlink', path: text })
  return undefined
}

/** Never follows a link; directories go bottom up. */
export function* rm(path: unknown, options?: unknown): Steps<undefined> {
  const { recursive, force } = optionsOf(options)
  const text = pathOf(path)
  let top: FileStat
  try {
    top = yield* rawStat(text, false, 'rm')
  } catch (error) {
    if (force && codeOf(error) === 'ENOENT') return undefined
    throw error
  }
  if (top.kind !== 'directory') return yield* unlink(text)
  if (!recursive) throw codedError('ERR_FS_EISDIR', `Path is a directory: rm returned EISDIR (is a directory) ${text}`)
  const folders = [text]
  for (const folder of folders) {
    for (const [name, kind] of yield* list(folder)) {
      if (kind === 'directory') folders.push(inside(folder, name))
      else yield* unlink(inside(folder, name))
    }
  }
  for (const folder of folders.reverse()) yield* rmdir(folder)
  return undefined
}

/** Two names in one call: `value: [first, second]`. */
function* pair(operation: number, syscall: string, first: string, second: string): Steps<undefined> {
  yield* step(operation, encode([first, second]), { syscall, path: first, dest: second })
  return undefined
}

export function* rename(from: unknown, to: unknown): Steps<undefined> {
  return yield* pair(PathRename, 'rename', pathOf(from, 'oldPath'), pathOf(to, 'newPath'))
}

export function* link(existing: unknown, path: unknown): Steps<undefined> {
  return yield* pair(PathLink, 'link', pathOf(existing, 'existingPath'), pathOf(path, 'newPath'))
}

export function* symlink(target: unknown, path: unknown, _type?: unknown): Steps<undefined> {
  return yield* pair(PathSymlink, 'symlink', pathOf(target, 'target'), pathOf(path))
}

export function* readlink(path: unknown, _options?: unknown): Steps<string> {
  const text = pathOf(path)
  return fromUtf8(yield* step(PathReadLink, text, { syscall: 'readlink', path: text }))
}

export function* realpath(path: unknown, _options?: unknown): Steps<string> {
  const text = pathOf(path)
  return fromUtf8(yield* step(PathReal, text, { syscall: 'realpath', path: text }))
}

export function* utimes(path: unknown, accessed: unknown, modified: unknown): Steps<undefined> {
  const text = pathOf(path)
  yield* step(PathSetTimes, encode([text, timeOf(accessed), timeOf(modified)]), { syscall: 'utime', path: text })
  return undefined
}

export function* copyFile(from: unknown, to: unknown, mode?: unknown): Steps<undefined> {
  const path = pathOf(from, 'src')
  const dest = pathOf(to, 'dest')
  const bytes = yield* readFile(path)
  yield* writeFile(dest, bytes, { flag: Number(mode ?? 0) & constants.COPYFILE_EXCL ? 'wx' : 'w' })
  return undefined
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'

/** Makes a directory whose name begins with `prefix`. */
export function* mkdtemp(prefix: unknown, _options?: unknown): Steps<string> {
  const start = pathOf(prefix, 'prefix')
  for (let tries = 0; ; tries++) {
    const random = new Uint8Array(6)
    part<typeof import('../parts/crypto.ts')>('crypto').fillRandom(random)
    const path = start + Array.from(random, (byte) => LETTERS[byte % LETTERS.length]).join('')
    try {
      yield* makeOne(path)
      return path
    } catch (error) {
      if (codeOf(error) !== 'EEXIST' || tries > 20) throw error
    }
  }
}
