/** The project's own source files in, what each of them imports out; for the tests of the house rules (Node only). */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's folder, with a slash at its end. */
export const root = fileURLToPath(new URL('..', import.meta.url))

export interface Import {
  /** As written: `../errors.ts`, `#source`, `node:fs`, `zod`. */
  readonly specifier: string
  /** The files of the project that it means, relative to the root; none for packages and built-in modules. */
  readonly files: readonly string[]
}

export interface Module {
  /** Relative to the root, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly imports: readonly Import[]
}

/** Every source file that git knows or would add, in a fixed order. */
export function readModules(): Module[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '--', '*.ts', '*.mjs']
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\n')
  return listed
    .filter((path) => path && existsSync(root + path))
    .sort()
    .map(readModule)
}

function readModule(path: string): Module {
  const text = readFileSync(root + path, 'utf8')
  // Tests hold the programs of guests in template literals and in double quotes (ours are single): their imports are none of ours.
  const own = path.startsWith('test/') ? text.replace(/`(?:\\.|[^`\\])*`|"(?:\\.|[^"\\\n])*"/g, "''") : text
  const specifiers = [...new Set(importedSpecifiers(own))]
  return { path, text, imports: specifiers.map((specifier) => ({ specifier, files: resolve(path, specifier) })) }
}

// Statements start a line (the formatter sees to it), so comments with examples, which start with ` * `, do not match.
const importStatement = /^(?:import|export)\b(?:[^'"`]*?\bfrom)?\s*['"]([^'"\n]+)['"]/gm
const importCall = /\bimport\(\s*['"]([^'"\n]+)['"]/g
const moduleUrl = /\bnew URL\(\s*['"](\.{1,2}\/[^'"\n]+\.ts)['"],\s*import\.meta\.url/g

/** Everything that a file imports: statements (types too), `import()` and the scripts of workers. */
export function importedSpecifiers(text: string): string[] {
  const code = text.replace(/^\s*(?:\/\/|\/?\*).*$/gm, '')
  return [importStatement, importCall, moduleUrl].flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match) => match[1] ?? ''),
  )
}

/** `#name` means one file in Node and another in browsers: both count. */
function resolve(from: string, specifier: string): string[] {
  if (specifier.startsWith('#')) return filesOfAlias(specifier)
  if (!specifier.startsWith('.')) return []
  return [posix.normalize(posix.join(posix.dirname(from), specifier))]
}

type Target = string | { readonly [condition: string]: Target }
const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  imports: Record<string, Record<string, Target>>
}

function filesOfAlias(alias: string): string[] {
  const sources = manifest.imports[alias]?.['toka-source']
  if (sources === undefined) throw new Error(`package.json has no sources for ${alias}`)
  return leaves(sources).map((path) => posix.normalize(path))
}

const leaves = (target: Target): string[] =>
  typeof target === 'string' ? [target] : Object.values(target).flatMap(leaves)
