/** `fs` and `fs/promises`: each operation in Node's three forms, over the sandbox's files. */
import { invalidType } from '../failures.ts'
import { constants } from '../files/arguments.ts'
import * as contents from '../files/contents.ts'
import { FileHandle } from '../files/handle.ts'
import { Dirent, Stats } from '../files/stats.ts'
import { runLater, runNow, type Steps } from '../files/steps.ts'
import * as tree from '../files/tree.ts'
import { guarded } from '../loop.ts'
import { subset } from './subset.ts'

type Operation = (...args: unknown[]) => Steps<unknown>
type Callback = (...args: unknown[]) => unknown

const { open, close, read, write, fstat, ftruncate, fsync, readFile, writeFile, appendFile, truncate } = contents
const {
  exists,
  access,
  stat,
  lstat,
  readdir,
  mkdir,
  rmdir,
  unlink,
  rm,
  rename,
  link,
  symlink,
  readlink,
  realpath,
  utimes,
  copyFile,
  mkdtemp,
} = tree

/** On paths: these are in `fs/promises` too. */
const onPaths = {
  access,
  appendFile,
  copyFile,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
}
const onDescriptors = { open, close, read, write, fstat, ftruncate, fsync, fdatasync: fsync }

function callbackForm(name: string, operation: Operation): (...args: unknown[]) => void {
  const takesBuffer = name === 'read' || name === 'write'
  return (...args) => {
    const callback = args.pop()
    if (typeof callback !== 'function') throw invalidType('cb', 'of type function', callback)
    const answer = (...results: unknown[]) => guarded(callback as Callback, undefined, results)
    runLater(operation(...args)).then(
      (result) => (takesBuffer ? answer(null, result, args[1]) : answer(null, result)),
      (error) => answer(error),
    )
  }
}

const sync: Record<string, unknown> = { existsSync: (path: unknown) => runNow(exists(path)) }
const callbacks: Record<string, unknown> = {
  exists(path: unknown, callback: Callback) {
    runLater(exists(path)).then((found) => guarded(callback, undefined, [found]))
  },
}
const later: Record<string, unknown> = {
  constants,
  async open(path: unknown, flags?: unknown, mode?: unknown) {
    return new FileHandle(await runLater(open(path, flags, mode)))
  },
}

function named(name: string, make: (...args: unknown[]) => unknown): unknown {
  Object.defineProperty(make, 'name', { value: name, configurable: true })
  return make
}

for (const [name, operation] of Object.entries({ ...onPaths, ...onDescriptors }) as [string, Operation][]) {
  sync[`${name}Sync`] = named(`${name}Sync`, (...args) => runNow(operation(...args)))
  callbacks[name] = named(name, callbackForm(name, operation))
}
for (const [name, operation] of Object.entries(onPaths) as [string, Operation][]) {
  later[name] = named(name, (...args) => runLater(operation(...args)))
}

const STREAMS = 'read and write whole files, or parts with openSync and readSync'
const WATCH = 'files change only by what this program does'

export const fsPromises = subset('fs.promises', later, { watch: WATCH })

export const fs = subset(
  'fs',
  { ...sync, ...callbacks, constants, Stats, Dirent, F_OK: 0, X_OK: 1, W_OK: 2, R_OK: 4, promises: fsPromises },
  { createReadStream: STREAMS, createWriteStream: STREAMS, watch: WATCH, watchFile: WATCH },
)
