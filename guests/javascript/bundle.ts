/** Bundles the prelude's core and its parts: a module is in one bundle alone, and the parts get the core's exports by number. */
import { readFile } from 'node:fs/promises'
import { relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build as bundle, type Plugin } from 'esbuild'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const here = (name: string) => resolve(HERE, name)

/** A classic script whose value is a function: of the bridge's natives for the core, of the core's exports for a part. */
export type Bundles = {
  core: string
  parts: string[]
  /** The source of `shared.generated.ts`. */
  shared: string
}

const MAIN = 'main.ts'
/** Before the path of a module of the core that a part imports. */
const CORE = 'core:'

const OPTIONS: BuildOptions & { write: false; metafile: true } = {
  absWorkingDir: HERE,
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  format: 'esm',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  target: 'es2023',
  charset: 'ascii',
  legalComments: 'none',
  // package.json says that our modules have no side effects; the prelude's have: they fill the global object.
  ignoreAnnotations: true,
}

/**
 * Replaces the parts of libraries that would carry large tables into every sandbox: the Unicode tables of tr46 and
 * the legacy encodings of @exodus/bytes, which a URL's query has no use for when all text is UTF-8.
 */
const smallUnicode: Plugin = {
  name: 'small-unicode',
  setup(build) {
    build.onResolve({ filter: /^tr46$/ }, () => ({ path: here('web/domain-names.ts') }))
    build.onResolve({ filter: /^@exodus\/bytes\/(encoding|whatwg)\.js$/ }, () => ({
      path: here('web/query-encoding.ts'),
    }))
  },
}

/** One place of a library's code, changed: the build fails when a new release does not have it any more. */
function replaceOnce(code: string, place: string, by: string): string {
  if (code.split(place).length !== 2) throw new Error(`node-inspect-extracted has not one "${place}" any more`)
  return code.replace(place, () => by)
}

/**
 * node-inspect-extracted captures every member of every built-in while it loads. Here it captures the ones that it
 * uses, which takes a fifth of the time, and none of Atomics, which QuickJS has not.
 */
function onlyUsed(code: string): string {
  const named = [...code.matchAll(/\{([\w$:,]+)\}=(?:r|e|n\(683\))\b/g)].flatMap(([, list]) => list?.split(',') ?? [])
  const reached = [...code.matchAll(/\be\.([A-Z]\w+)/g)].map(([, name]) => name as string)
  const used = [...named.map((pair) => pair.split(':')[0] as string), ...reached]
  const test = 'if(!used[`${i}${o}`])continue;'
  let changed = replaceOnce(code, '["Atomics",', '[')
  changed = replaceOnce(
    changed,
    'else{const{value:t}=s;"function"==typeof t',
    `else{${test}const{value:t}=s;"function"==typeof t`,
  )
  changed = replaceOnce(changed, 'else{const r=`${i}${o}`;n(e,r,', `else{${test}const r=\`\${i}\${o}\`;n(e,r,`)
  return `const used={__proto__:null,${[...new Set(used)].map((name) => `${name}:1`).join()}};${changed}`
}

const smallInspect: Plugin = {
  name: 'small-inspect',
  setup(build) {
    build.onLoad({ filter: /node-inspect-extracted.dist/ }, async ({ path }) => ({
      contents: onlyUsed(await readFile(path, 'utf8')),
    }))
  },
}

/**
 * The module `shared.generated.ts`: what the parts import of the core, in an array.
 * @param common modules that are the core's because several parts use them
 */
function sharedModule(keys: readonly string[], common: readonly string[]): string {
  const lines = keys.map((key, index) => {
    const [path, name] = key.split('#')
    return `import { ${name} as _${index} } from './${path}'\n`
  })
  const values = keys.map((_, index) => `  _${index},\n`).join('')
  return `/** Made by bundle.ts: what the parts of the prelude import of its core. */
${common.map((path) => `import './${path}'\n`).join('')}${lines.join('')}
export const shared: readonly unknown[] = [
${values}]
`
}

function sharing(contents: string): Plugin {
  return {
    name: 'sharing',
    setup(build) {
      build.onResolve({ filter: /\/shared\.generated\.ts$/ }, () => ({ path: here('shared.generated.ts') }))
      build.onLoad({ filter: /\/shared\.generated\.ts$/ }, () => ({ contents, loader: 'ts' }))
    },
  }
}

/** Leaves a part's imports of the core's modules for `borrowed`. */
function borrowing(core: ReadonlySet<string>): Plugin {
  return {
    name: 'borrowing',
    setup(build) {
      build.onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
        const file = relative(HERE, resolve(resolveDir, path))
        return core.has(file) ? { path: CORE + file, external: true } : undefined
      })
    },
  }
}

type Bundled = { code: string; inputs: string[] }

async function bundleOne(entry: string, ...plugins: Plugin[]): Promise<Bundled> {
  const { outputFiles, metafile } = await bundle({
    ...OPTIONS,
    entryPoints: [entry],
    plugins: [smallUnicode, smallInspect, ...plugins],
  })
  return { code: outputFiles[0]?.text.trimEnd() ?? '', inputs: Object.keys(metafile.inputs) }
}

/** `a as b, c` of an import or export statement, as pairs of the name outside and the one inside. */
function pairsOf(list: string, outsideFirst: boolean): [outside: string, inside: string][] {
  return list.split(',').map((pair) => {
    const [first, second = first] = pair.trim().split(' as ') as [string, string?]
    return outsideFirst ? [first, second] : [second, first]
  })
}

/** The exports of a module, as what its code answers. */
function answering(code: string): string {
  const tail = /export\{([^}]*)\};?$/.exec(code)
  if (!tail) throw new Error('a part of the prelude exports nothing')
  const pairs = pairsOf(tail[1] as string, false).map(([name, local]) => `${name}:${local}`)
  return `${code.slice(0, tail.index)}return{__proto__:null,${pairs.join()}}`
}

const BORROWED = /\bimport(?:\{([^}]*)\}from)?"core:([^"]+)";?/g

/** What a part imports of the core, as `path#name`. */
function keysOf({ code }: Bundled): string[] {
  return [...code.matchAll(BORROWED)].flatMap(([, names, path]) =>
    names ? pairsOf(names, true).map(([name]) => `${path}#${name}`) : [],
  )
}

/** A part's code with its imports taken from the array that it is called with. */
function borrowed(code: string, keys: readonly string[]): string {
  return code.replace(BORROWED, (_, names: string | undefined, path: string) =>
    (names ? pairsOf(names, true) : [])
      .map(([name, local]) => `var ${local}=shared[${keys.indexOf(`${path}#${name}`)}];`)
      .join(''),
  )
}

/** A part takes an export's value once: one that changes would be stale. */
async function checkConstant(keys: readonly string[]): Promise<void> {
  for (const path of new Set(keys.map((key) => key.slice(0, key.indexOf('#'))))) {
    const code = await readFile(here(path), 'utf8')
    if (/^export let/m.test(code)) throw new Error(`${path} exports a variable: parts of the prelude cannot share it`)
  }
}

/** Constants that the bundler folds into the code. */
const STATELESS = /\.generated\.ts$/
/** The modules of ours that more than one bundle would hold. */
function twice(bundles: readonly Bundled[]): string[] {
  const seen = new Set<string>()
  const again = new Set<string>()
  for (const input of bundles.flatMap(({ inputs }) => inputs)) {
    if (STATELESS.test(input)) continue
    if (seen.has(input)) again.add(input)
    seen.add(input)
  }
  for (const input of again) {
    if (input.includes('node_modules')) throw new Error(`${input} would be in two bundles of the prelude`)
  }
  return [...again]
}

/** What several parts use is the core's, so that its state is there once. */
async function divide(names: readonly string[]): Promise<{ parts: Bundled[]; common: string[] }> {
  const common: string[] = []
  for (;;) {
    const { inputs } = await bundleOne(MAIN, sharing(sharedModule([], common)))
    const core = new Set(inputs.filter((input) => !STATELESS.test(input)))
    const parts = await Promise.all(names.map((name) => bundleOne(`parts/${name}.ts`, borrowing(core))))
    const found = twice([{ code: '', inputs }, ...parts])
    if (found.length === 0) return { parts, common }
    common.push(...found)
  }
}

/** @param names of the parts, in the order of their numbers */
export async function bundlePrelude(names: readonly string[]): Promise<Bundles> {
  const { parts, common } = await divide(names)
  const keys = [...new Set(parts.flatMap(keysOf))]
  await checkConstant(keys)
  const shared = sharedModule(keys, common)
  const { code } = await bundleOne(MAIN, sharing(shared))
  return {
    shared,
    core: `(function(natives){"use strict";${code}\n})`,
    parts: parts.map((part) => `(function(shared){"use strict";${answering(borrowed(part.code, keys))}\n})`),
  }
}
