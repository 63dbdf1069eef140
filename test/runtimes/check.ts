/** `npm run check`: everything that must hold besides the tests' passing; each step is run, and what fails is shown in full. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packInto } from './pack.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The script of an installed command-line tool: it is run by this Node, so that nothing else has to be on the PATH. */
function tool(packageName: string, command: string): string {
  const packageFolder = join(root, 'node_modules', packageName)
  const { bin } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as {
    bin: Record<string, string>
  }
  const script = bin[command]
  if (!script) throw new Error(`${packageName} has no command ${command}`)
  return join(packageFolder, script)
}

const tsc = tool('typescript', 'tsc')
const biome = tool('@biomejs/biome', 'biome')
const knip = tool('knip', 'knip')
const vitest = tool('vitest', 'vitest')
const publint = tool('publint', 'publint')
const attw = tool('@arethetypeswrong/cli', 'attw')

const shapeTests = ['import-rules', 'notice', 'package-shape'].map((name) => `test/unit/${name}.node.test.ts`)

const folder = mkdtempSync(join(tmpdir(), 'toka-check-'))
const archive = packInto(folder).archive

/** Each step is the arguments of this Node. */
const steps: readonly { readonly name: string; readonly args: readonly string[] }[] = [
  { name: 'types', args: [tsc, '-p', 'tsconfig.json'] },
  { name: 'lint and format', args: [biome, 'check', '--max-diagnostics=30', '.'] },
  { name: 'dead code', args: [knip, '--no-progress', '--no-config-hints'] },
  { name: 'import rules, package shape, notices', args: [vitest, 'run', '--project=node', ...shapeTests] },
  { name: 'package (publint)', args: [publint, 'run', '--strict', archive] },
  { name: 'package types', args: [attw, archive, '--profile', 'esm-only', '--no-emoji', '--no-color'] },
]

const failed = steps.filter(({ name, args }) => !passes(name, args))
rmSync(folder, { recursive: true, force: true })
console.log(failed.length === 0 ? '\ncheck: all good' : `\ncheck: failed: ${failed.map(({ name }) => name).join('; ')}`)
process.exitCode = failed.length === 0 ? 0 : 1

function passes(name: string, args: readonly string[]): boolean {
  const started = performance.now()
  const env = { ...process.env, NO_COLOR: '1' }
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, env, encoding: 'utf8' })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`)
  if (status !== 0) console.log(`${stdout}${stderr}`)
  return status === 0
}
