/** Globs of files to hand back, over the files that a run created or changed. */
import { buildDfa, type Dfa } from '../../capabilities/dfa.ts'
import { parseGlob } from '../../capabilities/glob.ts'
import { TokaError } from '../errors.ts'
import type { FileTree } from '../kernel/files.ts'

/** Throws TokaError TOKA_LIMIT_FILES when the files are too large together. */
export type Collector = (files: FileTree) => Record<string, Uint8Array>

const utf8 = new TextEncoder()

/** The directories that globs look into: the leading components without pattern characters, without the last one. */
function literalDirectories(globs: readonly string[]): string[] {
  return globs.map((glob) => {
    const parts = glob.split('/').slice(0, -1)
    const special = parts.findIndex((part) => /[*?[{]/.test(part))
    return (special === -1 ? parts : parts.slice(0, special)).join('/')
  })
}

/** Makes the directories that a run's globs look into, so that a guest may write there at once: `/out` for `/out/**`. */
export function makeCollected(files: FileTree, globs: readonly string[] = []): void {
  for (const directory of literalDirectories(globs)) {
    if (directory === '') continue
    try {
      files.putDirectory(directory)
    } catch {
      // A guest of this sandbox put a file there: nothing beneath it can be collected.
    }
  }
}

function compile(globs: readonly string[]): Dfa {
  try {
    const dfa = buildDfa(globs.map(parseGlob))
    if (dfa) return dfa
  } catch (error) {
    throw new TokaError('TOKA_REQUEST_INVALID', `collect: ${error instanceof Error ? error.message : String(error)}`)
  }
  throw new TokaError('TOKA_REQUEST_INVALID', 'collect: these patterns together are too complex')
}

function accepts({ start, accepting, classes, table }: Dfa, path: string): boolean {
  let state = start
  for (const byte of utf8.encode(path)) state = table[state]?.[classes[byte] ?? 0] ?? 0
  return accepting[state] === true
}

/**
 * Files of a tree by path. A file with many names is as many files here, and on a disk that they are written to: all
 * together may not be larger than the tree itself.
 * @throws TokaError TOKA_LIMIT_FILES
 */
function gather(files: FileTree, wanted: (path: string) => boolean): Record<string, Uint8Array> {
  const collected: Record<string, Uint8Array> = {}
  let left = files.limits.fileBytes
  for (const { path, size } of files.changedFiles()) {
    if (!wanted(path)) continue
    left -= size
    if (left < 0) throw new TokaError('TOKA_LIMIT_FILES', 'the files to collect are larger than limits.fileBytes')
    const value = files.get(path)
    Object.defineProperty(collected, path, { value, enumerable: true, writable: true, configurable: true })
  }
  return collected
}

/**
 * Compiles the globs of `collect`, in the language of grants' paths: one meaning of `**` everywhere.
 * @throws TokaError TOKA_REQUEST_INVALID naming the glob
 */
export function compileCollector(globs: readonly string[] | undefined): Collector {
  if (!globs || globs.length === 0) return () => ({})
  const dfa = compile(globs)
  return (files) => gather(files, (path) => accepts(dfa, path))
}
