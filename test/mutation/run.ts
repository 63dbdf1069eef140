/** `npm run mutate`: changes the sources of capabilities/ one place at a time, and counts the changes that no test notices. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { installLocked } from '../runtimes/install-locked.ts'
import { root } from '../runtimes/setup.mjs'

const here = fileURLToPath(new URL('./', import.meta.url))
const failed = installLocked(here, 'Stryker in test/mutation')
if (failed) {
  process.stderr.write(`Stryker cannot be installed: ${failed}\n`)
  process.exit(70)
}
const stryker = fileURLToPath(new URL('node_modules/@stryker-mutator/core/bin/stryker.js', import.meta.url))
// What is given narrows it: `npm run mutate -- capabilities/tokens/chain.ts`. The whole takes long, so it goes on from what it knows.
const files = process.argv.slice(2)
const narrowed = files.length > 0 ? ['--mutate', files.join(',')] : ['--incremental']
const { status } = spawnSync(process.execPath, [stryker, 'run', 'test/mutation/stryker.config.json', ...narrowed], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, TOKA_MUTATED: files.join(',') },
})
process.exitCode = status ?? 70
