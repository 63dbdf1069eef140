/** `node with-node.mjs 26 script.ts …` sets the checkout up and runs a script of the project on that Node. */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { resolve } from 'node:path'
import { nodeBinary, root, setUp, sourceFlags } from './setup.mjs'

const [version, script, ...args] = process.argv.slice(2)
if (!version || !script) {
  process.stderr.write('usage: node test/runtimes/with-node.mjs 22|24|26 SCRIPT [ARGS…]\n')
  process.exit(64)
}

try {
  await setUp()
} catch (error) {
  process.stderr.write(`${/** @type {Error} */ (error).message}\n`)
  process.exit(1)
}

const binary = nodeBinary(`node${version}`)
if (!binary) {
  process.stderr.write(`no Node ${version} is installed for ${process.platform} ${process.arch}\n`)
  process.exit(1)
}

// What is built runs as it is installed: a program that mixed it with the sources would have every module twice.
const flags = script.startsWith('dist/') ? [] : sourceFlags
const child = spawn(binary, [...flags, resolve(root, script), ...args], { stdio: 'inherit' })
// A signal sent to this process alone must reach the script, which may have to clean up; a terminal sends it to both.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
  process.on(signal, () => child.kill(signal))
child.on('error', (error) => {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
})
child.on('exit', (code, signal) => {
  process.exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0)
})
