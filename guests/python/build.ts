/** Embeds the Python that runs inside sandboxes: the sources under modules/, the numbers of the host calls, and UTC. */
import { globSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Operation } from '../../src/kernel/operations.ts'

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** The engine's own operations, in the order of its table (engines/pyodide/operations.ts). */
const ENGINE = ['Command', 'Finish', 'Fail', 'Exit'] as const

/** Names under which UTC is asked for (IANA's `backward` file). */
const UTC_NAMES = [
  'UTC',
  'Etc/UTC',
  'Etc/UCT',
  'Etc/Universal',
  'Etc/Zulu',
  'UCT',
  'Universal',
  'Zulu',
  'GMT',
  'Etc/GMT',
]

function operations(): string {
  const numbers: Record<string, number> = { ...Operation }
  for (const [index, name] of ENGINE.entries()) numbers[`Engine${name}`] = Operation.EngineFirst + index
  const lines = Object.entries(numbers).map(([name, number]) => `${name} = ${number}\n`)
  return `"""Made by build.ts from the kernel's and the engine's tables: the numbers of host calls."""\n\n${lines.join('')}`
}

/** A zone without transitions as a TZif file (RFC 8536, section 3): header and data of version 1, both again, a footer. */
function zoneFile(name: string): string {
  const counts = [0, 0, 0, 0, 1, name.length + 1]
  const header = `TZif2${'\0'.repeat(15)}${counts.map((count) => `\0\0\0${String.fromCharCode(count)}`).join('')}`
  const data = `${'\0'.repeat(6)}${name}\0`
  return `${header}${data}${header}${data}\n${name}0\n`
}

/**
 * Writes `prelude.generated.ts`: `pythonModules`, the files of the tree `/lib/toka` of an image. `name` is a module's
 * dotted name, or a data file's path.
 */
export async function build(): Promise<void> {
  const files = globSync('**/*.py', { cwd: here('modules') }).toSorted()
  const modules = await Promise.all(
    files.map(async (path) => ({
      name: path.replace(/(\/__init__)?\.py$/, '').replaceAll('/', '.'),
      path,
      source: await readFile(here(`modules/${path}`), 'utf8'),
    })),
  )
  modules.push({ name: '_toka_operations', path: '_toka_operations.py', source: operations() })
  for (const name of UTC_NAMES) {
    const source = zoneFile(name.includes('GMT') ? 'GMT' : 'UTC')
    modules.push({ name: `zoneinfo/${name}`, path: `zoneinfo/${name}`, source })
  }
  const list = modules.map((module) => `  ${JSON.stringify(module)},\n`).join('')
  await writeFile(
    here('prelude.generated.ts'),
    `/** The Python that runs inside sandboxes, put together by build.ts. */
export const pythonModules: readonly { name: string; path: string; source: string }[] = [
${list}]
`,
  )
}
