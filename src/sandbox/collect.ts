/** Globs of files to hand back, over the files that a run created or changed. */
import { buildDfa, type Dfa } from '../../capabilities/dfa.ts'
import { parseGlob } from '../../capabilities/glob.ts'
import { TokaError } from '../errors.ts'
import type { FileTree } from '../kernel/files.ts'

export type Collector = (files: FileTree) => Record<string, Uint8Array>

const utf8 = new TextEncoder()

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
 * Compiles the globs of `collect`, in the language of grants' paths: one meaning of `**` everywhere.
 * @throws TokaError TOKA_REQUEST_INVALID naming the glob
 */
export function compileCollector(globs: readonly string[] | undefined): Collector {
  if (!globs || globs.length === 0) return () => ({})
  const dfa = compile(globs)
  return (files) => {
    const collected: Record<string, Uint8Array> = {}
    for (const { path } of files.changedFiles()) {
      const bytes = accepts(dfa, path) ? files.get(path) : undefined
      if (bytes) Object.defineProperty(collected, path, { value: bytes, enumerable: true, writable: true, configurable: true })
    }
    return collected
  }
}
