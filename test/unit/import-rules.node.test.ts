/** Every source file goes in; whoever imports what the architecture forbids is named, with the rule that it breaks. */
import { existsSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { describe, expect, test } from 'vitest'
import { importedSpecifiers, type Module, readModules, root } from '../module-graph.ts'

const modules = readModules()
const builtins = new Set(builtinModules)

const isBuiltin = (specifier: string) => specifier.startsWith('node:') || builtins.has(specifier)
const isPackage = (specifier: string) => !/^[.#]/.test(specifier) && !isBuiltin(specifier)
const packageOf = (specifier: string) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
const under = (path: string, ...places: readonly string[]) =>
  places.some((place) => path === place || (place.endsWith('/') && path.startsWith(place)))

/** The build of a guest runs on a developer's machine and takes its constants from the sources. */
const isGuestBuild = (path: string) => /^guests\/([^/]+\/(build|bundle)|build|compile)\.ts$/.test(path)
const isGenerated = (path: string) => /\.generated(\.ts)?$/.test(path)
const ships = (path: string) => under(path, 'src/', 'engines/', 'capabilities/')

/** Where files of one place may import from; a trailing slash means the whole folder. */
type Rule = {
  readonly of: (path: string) => boolean
  readonly files: (target: string, from: string) => boolean
  readonly packages: readonly string[]
}

const basics = ['src/errors.ts', 'src/limits.ts', 'src/embedded-wasm.ts', 'src/room.ts', 'src/wasm-types.ts']
const engineOf = (path: string) => /^engines\/[^/]+\//.exec(path)?.[0] ?? ''

const enginePackages: Record<string, readonly string[]> = {
  'engines/quickjs/': ['quickjs-wasi'],
}

const rules: Record<string, Rule> = {
  'capabilities import zod, jose, hashes and themselves': {
    of: (path) => under(path, 'capabilities/'),
    files: (target) => under(target, 'capabilities/'),
    packages: ['zod', 'jose', '@noble/hashes'],
  },
  'engines import the engine interface, the kernel, the loader and their own guest': {
    of: (path) => under(path, 'engines/'),
    files: (target, from) =>
      under(
        target,
        ...basics,
        'src/engine.ts',
        'src/leashed.ts',
        'src/kernel/',
        'src/loader/',
        'src/typescript/',
        engineOf(from),
      ) || isGenerated(target),
    packages: Object.values(enginePackages).flat(),
  },
  'TypeScript is transformed knowing nothing of sandboxes': {
    of: (path) => under(path, 'src/typescript/'),
    files: (target) =>
      under(target, ...basics, 'src/typescript/', 'src/worker-flags.node.ts', 'src/sandbox/checks.ts') ||
      target === 'src/kernel/host-port.ts',
    packages: ['sucrase'],
  },
  'the kernel knows nothing of policy, engines or the host': {
    of: (path) => under(path, 'src/kernel/'),
    files: (target) => under(target, ...basics, 'src/kernel/'),
    packages: [],
  },
  'the loader knows wasm and files of its own alone': {
    of: (path) => under(path, 'src/loader/'),
    files: (target) => under(target, ...basics, 'src/loader/') || isGenerated(target),
    packages: [],
  },
  'the gate stands between the kernel and drivers that it is handed': {
    of: (path) => under(path, 'src/gate/'),
    files: (target) => under(target, ...basics, 'src/gate/', 'src/kernel/', 'capabilities/') || isGenerated(target),
    packages: ['@noble/hashes'],
  },
  'the security manager knows the gate, and nothing of sandboxes and engines': {
    of: (path) => under(path, 'src/security/'),
    files: (target) =>
      under(target, ...basics, 'src/security/', 'src/gate/', 'src/kernel/host-port.ts', 'capabilities/'),
    packages: ['@noble/hashes', 'zod'],
  },
  'packages of Python know files and hashes alone': {
    of: (path) => under(path, 'src/packages/'),
    files: (target) => under(target, ...basics, 'src/packages/', 'src/loader/hash.ts'),
    packages: ['smol-toml', 'yauzl', 'zod'],
  },
  'host drivers implement the interface of the gate': {
    of: (path) => under(path, 'src/host/'),
    files: (target) =>
      under(
        target,
        ...basics,
        'src/gate/drivers.ts',
        'src/host/',
        'src/kernel/',
        'src/network-options.ts',
        'capabilities/address.ts',
      ),
    packages: [],
  },
  'a sandbox gets its drivers from outside': {
    of: (path) => under(path, 'src/sandbox/'),
    files: (target) =>
      !under(target, 'src/host/', 'src/cli/', 'src/adapters/', 'src/toka.ts', 'src/compose.ts', 'engines/'),
    packages: ['zod'],
  },
  'the command line and the adapters see the public surface alone': {
    of: (path) => under(path, 'src/cli/', 'src/adapters/'),
    files: (target, from) =>
      under(
        target,
        'src/index.ts',
        'src/security/index.ts',
        'src/security/index.node.ts',
        'src/packages/index.node.ts',
      ) || under(target, from.startsWith('src/cli/') ? 'src/cli/' : 'src/adapters/'),
    packages: ['zod', 'toka'],
  },
  'guests import nothing of ours but generated constants and each other': {
    of: (path) => under(path, 'guests/') && !isGuestBuild(path),
    files: (target, from) => under(target, from.split('/').slice(0, 2).join('/').concat('/')) || isGenerated(target),
    packages: [
      '@noble/hashes',
      'buffer',
      'core-js-pure',
      'events',
      'node-inspect-extracted',
      'path-browserify',
      'punycode',
      'whatwg-url',
      'toka:shared',
    ],
  },
}

describe('what may import what', () => {
  test.each(Object.keys(rules))('%s', (name) => {
    const rule = rules[name] as Rule
    const subjects = modules.filter((module) => rule.of(module.path))
    expect(subjects.length).toBeGreaterThan(0)
    const broken = subjects.flatMap(({ path, imports }) =>
      imports.flatMap(({ specifier, files }) => {
        const isForbiddenPackage = isPackage(specifier) && !rule.packages.includes(packageOf(specifier))
        const isForbiddenFile = files.some((target) => !rule.files(target, path))
        return isForbiddenPackage || isForbiddenFile ? [`${path} imports ${specifier}`] : []
      }),
    )
    expect(broken).toEqual([])
  })

  test('an engine imports the runtime package of no other engine', () => {
    const broken = importers('engines/', (specifier, from) => {
      return isPackage(specifier) && !enginePackages[engineOf(from)]?.includes(packageOf(specifier))
    })
    expect(broken).toEqual([])
  })

  test('only the composition root imports host drivers', () => {
    // request.ts names the type of what may be mounted, which is public.
    const allowed = ['src/compose.ts', 'src/network-service.ts', 'src/request.ts', 'src/index.ts']
    const broken = modules
      .filter(({ path }) => ships(path) && !under(path, 'src/host/', ...allowed))
      .filter(({ imports }) => imports.some(({ files }) => files.some((file) => under(file, 'src/host/'))))
    expect(broken.map(({ path }) => path)).toEqual([])
  })

  test('engines are loaded lazily: only the registry names them, in dynamic imports', () => {
    const broken = modules
      .filter(({ path }) => under(path, 'src/'))
      .filter(({ text }) => /^(?:import|export)\b[^'"`]*?\bfrom\s*['"][^'"]*\bengines\//m.test(text))
    expect(broken.map(({ path }) => path)).toEqual([])
    const importing = modules
      .filter(({ path }) => under(path, 'src/'))
      .filter(({ imports }) => imports.some(({ files }) => files.some((file) => under(file, 'engines/'))))
    expect(importing.map(({ path }) => path)).toEqual(['src/engines.ts'])
  })
})

describe('what runs where', () => {
  test('only files that say so in their name, and the command line, import from node:', () => {
    const broken = modules
      .filter(({ path }) => ships(path) && !path.endsWith('.node.ts') && !under(path, 'src/cli/', 'src/service/'))
      .filter(({ imports }) => imports.some(({ specifier }) => isBuiltin(specifier)))
    expect(broken.map(({ path }) => path)).toEqual([])
  })

  test('test files import from node: only when their name says so', () => {
    const broken = modules
      .filter(({ path }) => /\.test\.ts$/.test(path) && !/\.node\.test\.ts$/.test(path))
      .filter(({ imports }) => imports.some(({ specifier }) => isBuiltin(specifier)))
    expect(broken.map(({ path }) => path)).toEqual([])
  })

  test('built-in modules are named with node:', () => {
    // A browser's bundle of a guest may hold a package that has the name of a built-in module.
    const broken = importers(
      '',
      (specifier, from) => builtins.has(specifier) && !specifier.startsWith('node:') && !under(from, 'guests/'),
    )
    expect(broken).toEqual([])
  })

  test('nothing that ships starts a native process', () => {
    const broken = modules
      .filter(({ path }) => ships(path) || under(path, 'guests/'))
      .filter(({ imports }) => imports.some(({ specifier }) => /^(?:node:)?(?:child_process|cluster)$/.test(specifier)))
    expect(broken.map(({ path }) => path)).toEqual([])
  })
})

describe('the shape of files', () => {
  test('every relative import names a file that exists, with its ending', () => {
    // AssemblyScript resolves modules without an ending.
    const broken = modules
      .filter(({ path }) => !under(path, 'guests/') || isGuestBuild(path))
      .flatMap(({ path, imports }) =>
        imports.flatMap(({ specifier, files }) =>
          files.filter((file) => !existsSync(root + file)).map(() => `${path} imports ${specifier}`),
        ),
      )
    expect(broken).toEqual([])
  })

  test('no file imports itself by way of others', () => {
    expect(findCycles(modules)).toEqual([])
  })

  test('files have at most 400 lines', () => {
    const long = modules.filter(({ text }) => text.trimEnd().split('\n').length > 400)
    expect(long.map(({ path, text }) => `${path}: ${text.split('\n').length}`)).toEqual([])
  })

  test('the first line of each file is a comment with a sentence', () => {
    const silent = modules.filter(({ text }) => !/^(?:#!.*\n)?(?:\/\*\*?\s+(?:\* )?|\/\/ )\S+ \S+ /.test(text))
    expect(silent.map(({ path }) => path)).toEqual([])
  })
})

describe('the rules themselves', () => {
  test('imports are found in every form, and not in comments', () => {
    const text = [
      "import { a } from './a.ts'",
      "import type { B } from './b.ts'",
      "import './c.ts'",
      "export * from './d.ts'",
      'import {',
      '  e,',
      "} from './e.ts'",
      // In two parts, or this file would be found to import them.
      'const f = await import' + "('./f.ts')",
      'new Worker(new URL' + "('./g.ts', import.meta.url))",
      " * import { no } from './comment.ts'",
      "// import { no } from './comment.ts'",
    ].join('\n')
    expect(importedSpecifiers(text).sort()).toEqual('abcdefg'.split('').map((name) => `./${name}.ts`))
  })

  test('a cycle is found and named once', () => {
    const module = (path: string, target: string): Module => ({
      path,
      text: '',
      imports: [{ specifier: `./${target}`, files: [target] }],
    })
    expect(findCycles([module('a.ts', 'b.ts'), module('b.ts', 'c.ts'), module('c.ts', 'b.ts')])).toEqual([
      'b.ts -> c.ts -> b.ts',
    ])
  })
})

/** The imports under a folder that a rule forbids, as text. */
function importers(folder: string, isForbidden: (specifier: string, from: string) => boolean): string[] {
  return modules
    .filter(({ path }) => path.startsWith(folder))
    .flatMap(({ path, imports }) =>
      imports
        .filter(({ specifier }) => isForbidden(specifier, path))
        .map(({ specifier }) => `${path} imports ${specifier}`),
    )
}

/** Depth-first search: an import of a file that is still being visited closes a cycle. */
function findCycles(all: readonly Module[]): string[] {
  const known = new Map(all.map((module) => [module.path, module]))
  const finished = new Set<string>()
  const cycles: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) cycles.push([...trail.slice(start), path].join(' -> '))
    if (start >= 0 || finished.has(path)) return
    for (const target of known.get(path)?.imports.flatMap(({ files }) => files) ?? []) visit(target, [...trail, path])
    finished.add(path)
  }
  for (const { path } of all) visit(path, [])
  return cycles
}
