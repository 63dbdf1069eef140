/** Modules of packages in, their bytecode out: made in a sandbox, so that what a wheel holds meets no compiler outside one. */
import { TokaError } from '../errors.ts'

/** Files by their paths below `site-packages` in, files to add to them out. */
export type Compile = (files: ReadonlyMap<string, Uint8Array>) => Promise<ReadonlyMap<string, Uint8Array>>

type Request = {
  language: 'python'
  source: string
  input: string[]
  files: Record<string, Uint8Array>
  limits: { timeoutMs: number; memoryBytes: number }
}
/** What of a Toka is used. */
type Runner = {
  run(request: Request): Promise<{ status: string; value?: unknown; error?: { code: string; message: string } }>
}

/** Bytes of source that are compiled in one run: its result holds the bytecode, which is about as large, and is at most 16 MiB. */
const MOST_SOURCE = 4 * 2 ** 20
/** What a compiler of so much source takes. */
const LIMITS = { timeoutMs: 300_000, memoryBytes: 512 * 2 ** 20 }
/** How CPython 3.14 names bytecode (`sys.implementation.cache_tag`, PEP 3147). */
const TAG = 'cpython-314'

/**
 * Bytecode that names the hash of its source and is not held against it (PEP 552): the image vouches for both. What does not
 * compile, templates say, is left out. Nothing of a package is imported.
 */
const PROGRAM = `
import importlib.util, marshal, warnings
from toka import input
warnings.simplefilter("ignore")
made = {}
for path in input:
    with open("/wheels/" + path, "rb") as file:
        source = file.read()
    try:
        code = compile(source, "/lib/site-packages/" + path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        continue
    made[path] = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(source) + marshal.dumps(code)
made
`

/** Lists of paths whose sources are so small together that one run compiles them. */
function batchesOf(files: ReadonlyMap<string, Uint8Array>): string[][] {
  const batches: string[][] = []
  let room = 0
  for (const [path, { length }] of files) {
    if (!path.endsWith('.py') || length > MOST_SOURCE) continue
    if (length > room) {
      batches.push([])
      room = MOST_SOURCE
    }
    batches.at(-1)?.push(path)
    room -= length
  }
  return batches
}

function cachePath(path: string): string {
  const folder = path.slice(0, path.lastIndexOf('/') + 1)
  return `${folder}__pycache__/${path.slice(folder.length, -'.py'.length)}.${TAG}.pyc`
}

async function compileBatch(toka: Runner, paths: string[], files: ReadonlyMap<string, Uint8Array>): Promise<unknown> {
  const sources = paths.map((path) => [`/wheels/${path}`, files.get(path) as Uint8Array] as const)
  const request = { source: PROGRAM, input: paths, files: Object.fromEntries(sources), limits: LIMITS }
  const { status, value, error } = await toka.run({ language: 'python', ...request })
  if (status === 'completed') return value
  throw new TokaError('TOKA_PACKAGE_INVALID', `the packages could not be compiled: ${error?.message ?? status}`)
}

/**
 * Compiles modules in sandboxes of a Toka.
 * @param toka made by `createToka`, with Python
 * @returns what `buildPackages` takes as `compile`
 */
export function compileIn(toka: Runner): Compile {
  return async (files) => {
    const made = new Map<string, Uint8Array>()
    for (const paths of batchesOf(files)) {
      const value = await compileBatch(toka, paths, files)
      const known = new Map(Object.entries(value ?? {}))
      for (const path of paths) {
        const bytecode = known.get(path)
        if (bytecode instanceof Uint8Array) made.set(cachePath(path), bytecode)
      }
    }
    return made
  }
}
