/** Globs of files to hand back, over the files that a run created or changed. */
import { compileGlobs } from '../../capabilities/glob.ts'
import { TokaError } from '../errors.ts'
import type { FileTree } from '../kernel/files.ts'

/** A glob of `collect`, compiled as grants' globs are: one meaning of `**` everywhere. */
export type Collector = (files: FileTree) => Record<string, Uint8Array>

const utf8 = new TextEncoder()

/** @throws TokaError TOKA_REQUEST_INVALID naming the glob */
export function compileCollector(globs: readonly string[] | undefined): Collector {
  if (!globs || globs.length === 0) return () => ({})
  let matches: (path: Uint8Array) => boolean
  try {
    matches = compileGlobs(globs)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new TokaError('TOKA_REQUEST_INVALID', `collect: ${reason}`)
  }
  return (files) => {
    const collected: Record<string, Uint8Array> = {}
    for (const { path } of files.changedFiles()) {
      if (!matches(utf8.encode(path))) continue
      const bytes = files.get(path)
      if (bytes) Object.defineProperty(collected, path, { value: bytes, enumerable: true, writable: true, configurable: true })
    }
    return collected
  }
}
