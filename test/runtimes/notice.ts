/** The licences of everything that the package contains go in, the text of NOTICE comes out; `npm run notice` writes it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readModules } from '../module-graph.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface PackageManifest {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly homepage?: string
  readonly repository?: string | { readonly url: string }
  readonly dependencies?: Readonly<Record<string, string>>
}

/** The package.json of an installed package. */
export function readManifest(name: string): PackageManifest {
  return JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')) as PackageManifest
}

/** The names of packages with everything that they depend on, sorted. */
export function closure(names: Iterable<string>): string[] {
  const all = new Set(names)
  for (const name of all)
    for (const dependency of Object.keys(readManifest(name).dependencies ?? {})) all.add(dependency)
  return [...all].sort()
}

/** The packages whose code is bundled into the programs that run inside sandboxes. */
export function bundledPackages(): string[] {
  const specifiers = readModules()
    .filter(
      ({ path }) => path.startsWith('guests/') && !/^guests\/([^/]+\/(build|bundle)|build|compile)\.ts$/.test(path),
    )
    .flatMap(({ imports }) => imports.map(({ specifier }) => specifier))
  const packages = specifiers.filter((specifier) => !/^[.#]|^node:/.test(specifier))
  return closure(
    packages.map((specifier) =>
      specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/'),
    ),
  )
}

/** A package's own licence text. */
export function licenceText(name: string): string {
  const folder = join(root, 'node_modules', name)
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  if (!file) throw new Error(`${name} has no licence file: write its text into test/runtimes/notice.ts`)
  return readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim()
}

// The wasm that quickjs-wasi ships is QuickJS-NG, whose licence (github.com/quickjs-ng/quickjs, LICENSE) it does not repeat.
const quickjsNotice = `QuickJS-NG (https://github.com/quickjs-ng/quickjs), as WebAssembly in the package quickjs-wasi
Licence: MIT
Copyright (c) 2017-2026 Fabrice Bellard
Copyright (c) 2017-2024 Charlie Gordon
Copyright (c) 2023-2026 Ben Noordhuis
Copyright (c) 2023-2026 Saúl Ibarra Corretgé
Its Unicode tables are derived from the Unicode Character Database: Copyright © 1991-2026 Unicode, Inc., Unicode License V3.`

const rule = '-'.repeat(80)

/** The whole text of NOTICE. */
export function noticeText(): string {
  const bundled = bundledPackages().map((name) => `${rule}\n${describe(name)}\n\n${licenceText(name)}\n`)
  return `Toka
Copyright 2026 the Toka authors
Licensed under the Apache License, Version 2.0 (see LICENSE).

This file is written by \`npm run notice\` and checked by a test.

Not contained in this package, but installed with it and run inside its sandboxes:

${describe('quickjs-wasi')}
${copyrightOf('quickjs-wasi')}

${quickjsNotice}

Contained in this package as WebAssembly: the capability VM, the ledger, the bridge and the eraser are compiled with AssemblyScript
(https://www.assemblyscript.org), whose standard library is under the Apache License, Version 2.0.

Contained in this package, in whole or in part, bundled into the programs that run inside its sandboxes:

${bundled.join('\n')}`
}

function describe(name: string): string {
  const manifest = readManifest(name)
  return `${manifest.name} (${addressOf(manifest)})\nLicence: ${manifest.license}`
}

function addressOf({ repository, homepage, name }: PackageManifest): string {
  const url = typeof repository === 'string' ? repository : repository?.url
  const plain = url
    ?.replace(/^git\+/, '')
    .replace(/^git:/, 'https:')
    .replace(/^http:/, 'https:')
    .replace(/\.git$/, '')
  if (plain?.startsWith('https:')) return plain
  return plain && /^[\w-]+\/[\w.-]+$/.test(plain) ? `https://github.com/${plain}` : (homepage ?? name)
}

function copyrightOf(name: string): string {
  return licenceText(name)
    .split('\n')
    .filter((line) => /^copyright/i.test(line))
    .join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(join(root, 'NOTICE'), noticeText())
