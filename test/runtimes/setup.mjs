/** A fresh clone goes in, a checkout with every dependency, every runtime and a build comes out; runs on Node 20 with nothing installed. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findChromium } from './chromium.mjs'

/** The repository's folder. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '')
const runtimesFolder = join(root, 'test/runtimes')

/** The Node versions that the tests run on, oldest first; the last one runs the project's own tools. */
export const nodeRuntimes = ['node22', 'node24', 'node26']

const newestNode = /** @type {string} */ (nodeRuntimes.at(-1))
const lockFolder = join(runtimesFolder, '.set-up-lock')
const lockPatienceMs = 10 * 60_000
const buildInputs = [
  'src',
  'engines',
  'capabilities',
  'guests',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'test/runtimes/build.ts',
  'test/runtimes/bundle.ts',
]

/** Everything a person waits for is told on stderr: stdout belongs to the command that follows. */
const tell = (/** @type {string} */ line) => process.stderr.write(`set-up: ${line}\n`)

/**
 * The binary of one of the Node runtimes, or undefined when it is not installed for this platform.
 * @param {string} runtime a name of `nodeRuntimes`
 * @returns {string | undefined} an absolute path
 */
export function nodeBinary(runtime) {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const file = process.platform === 'win32' ? 'node.exe' : 'node'
  return ['node', 'node-bin']
    .map((prefix) =>
      join(runtimesFolder, runtime, 'node_modules', `${prefix}-${platform}-${process.arch}`, 'bin', file),
    )
    .find((path) => existsSync(path))
}

/**
 * Installs what is missing and builds what is stale. A second call does nothing and takes some milliseconds.
 * @param {{ chromium?: boolean, build?: boolean }} [wanted] `chromium` also looks for a Chromium, and installs one if there
 * is none; `build` builds even when nothing changed, and fails on type errors
 * @returns {Promise<void>} rejects when dependencies cannot be installed or the build fails
 */
export async function setUp(wanted = {}) {
  if (!wanted.build && isReady(wanted)) return
  const release = await takeLock()
  try {
    await Promise.all([installDependencies(), ...nodeRuntimes.map(installRuntime)])
    if (wanted.chromium && !(await findChromium())) await installChromium()
    if (wanted.build) await build([])
    else if (!buildIsFresh()) await build()
  } finally {
    release()
  }
}

const isReady = (/** @type {{ chromium?: boolean }} */ wanted) =>
  dependenciesFit() &&
  nodeRuntimes.every((runtime) => stampFits(join(runtimesFolder, runtime))) &&
  (!wanted.chromium || chromiumIsSettled()) &&
  buildIsFresh()

// --- dependencies -----------------------------------------------------------------------------------------------

const stampFile = (/** @type {string} */ folder) => join(folder, 'node_modules', '.toka-set-up')

/** The stamp of a folder: what its lock file says, for this platform. */
function lockHash(/** @type {string} */ folder) {
  const lock = readFileSync(join(folder, 'package-lock.json'))
  return createHash('sha256').update(`${process.platform} ${process.arch}\n`).update(lock).digest('hex')
}

const stampFits = (/** @type {string} */ folder) => readIfThere(stampFile(folder)) === lockHash(folder)

function dependenciesFit() {
  if (stampFits(root)) return true
  if (!installedMatchesLock()) return false
  writeFileSync(stampFile(root), lockHash(root))
  return true
}

/** True when someone's own `npm install` already put exactly the locked packages there: they are left alone. */
function installedMatchesLock() {
  const installed = readIfThere(join(root, 'node_modules/.package-lock.json'))
  if (installed === undefined) return false
  const there = JSON.parse(installed).packages
  const locked = Object.entries(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages)
  return locked.every(([path, entry]) => path === '' || entry.optional || there[path]?.integrity === entry.integrity)
}

async function installDependencies() {
  if (dependenciesFit()) return
  await npmInstall(root, 'the dependencies')
}

async function installRuntime(/** @type {string} */ runtime) {
  const folder = join(runtimesFolder, runtime)
  if (stampFits(folder)) return
  await npmInstall(folder, `${runtime} for the tests`)
  if (!nodeBinary(runtime)) tell(`no ${runtime} binary exists for ${process.platform} ${process.arch}`)
}

async function installChromium() {
  const folder = join(runtimesFolder, 'chromium')
  if (process.platform === 'linux' && process.arch === 'x64' && !stampFits(folder)) {
    await npmInstall(folder, 'a Chromium for the tests')
  }
  if (await findChromium()) return
  tell('no Chromium found, so the tests of the browser cannot run. Install chromium or set TOKA_CHROMIUM to its path.')
}

/** Looking again costs nothing where a browser is installed; an absent one is asked of npm once a lock file. */
const chromiumIsSettled = () => Boolean(findChromium.installed()) || stampFits(join(runtimesFolder, 'chromium'))

/**
 * `npm ci` in a folder, with progress. Scripts never run: no package here needs one.
 * @param {string} folder
 * @param {string} what what a person reads while waiting
 */
async function npmInstall(folder, what) {
  const started = Date.now()
  tell(`installing ${what} …`)
  const npm = npmCommand()
  const args = [
    'ci',
    '--include=dev',
    '--include=optional',
    '--loglevel=error',
    '--engine-strict=false',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
  ]
  const where = relative(root, folder) || 'the root'
  await run(npm.command, [...npm.args, ...args], {
    cwd: folder,
    what: `npm ci in ${where}`,
    shell: npm.shell,
    output: 'ignore',
  })
  writeFileSync(stampFile(folder), lockHash(folder))
  tell(`installed ${what} in ${seconds(started)}`)
}

/** npm hands its own program to the scripts it runs; without it, the one on the PATH (a .cmd file on Windows, so through a shell). */
function npmCommand() {
  const own = process.env.npm_execpath
  if (own && /npm-cli\.c?js$/.test(own)) return { command: process.execPath, args: [own], shell: false }
  return { command: 'npm', args: [], shell: process.platform === 'win32' }
}

// --- build ------------------------------------------------------------------------------------------------------

const buildStamp = join(root, 'dist/.stamp')

/** One hash over everything that the build reads. */
function buildHash() {
  const hash = createHash('sha256')
  for (const input of buildInputs) {
    for (const file of filesUnder(join(root, input))) {
      hash.update(`${relative(root, file)}\n`).update(readFileSync(file))
    }
  }
  return hash.digest('hex')
}

/** @returns {string[]} every file under a path in a fixed order, but for what the build itself writes */
function filesUnder(/** @type {string} */ path) {
  if (!existsSync(path)) return []
  if (statSync(path).isFile()) return /\.generated\./.test(path) ? [] : [path]
  return readdirSync(path)
    .sort()
    .flatMap((name) => (name === 'node_modules' ? [] : filesUnder(join(path, name))))
}

const buildIsFresh = () => readIfThere(buildStamp)?.split('\n')[0] === buildHash()

/** @param {string[]} [flags] handed to the build */
async function build(flags = ['--unchecked']) {
  const started = Date.now()
  tell('building …')
  const hash = buildHash()
  await runOnNewestNode(['test/runtimes/build.ts', ...flags], 'the build')
  mkdirSync(dirname(buildStamp), { recursive: true })
  writeFileSync(buildStamp, `${hash}\n`)
  tell(`built in ${seconds(started)}`)
}

/** Runs a script of the project on the newest of the runtimes, from the sources. */
function runOnNewestNode(/** @type {string[]} */ args, /** @type {string} */ what) {
  const binary = nodeBinary(newestNode)
  if (!binary) throw new Error(`set-up: ${newestNode} is not there to run ${what}`)
  return run(binary, [...sourceFlags, ...args], { cwd: root, what })
}

/** How Node runs this project from its sources: type stripping, and the `imports` that point at `.ts` files. */
export const sourceFlags = ['--conditions=toka-source', '--disable-warning=ExperimentalWarning']

// --- small things -----------------------------------------------------------------------------------------------

/** Two commands at once must not install into the same folder: the second waits for the first. */
async function takeLock() {
  const started = Date.now()
  for (let told = false; ; ) {
    try {
      mkdirSync(lockFolder)
      writeFileSync(join(lockFolder, 'pid'), String(process.pid))
      return () => rmSync(lockFolder, { recursive: true, force: true })
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error
    }
    const holder = Number(readIfThere(join(lockFolder, 'pid')) ?? process.pid)
    if (!isAlive(holder) || Date.now() - started > lockPatienceMs) rmSync(lockFolder, { recursive: true, force: true })
    else if (!told) tell(`waiting for process ${holder}, which is setting up this checkout …`)
    told = true
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

function isAlive(/** @type {number} */ pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM'
  }
}

/**
 * Runs a program to its end, its errors (and its output, where wanted) on our stderr; rejects when it fails.
 * @param {string} command @param {string[]} args
 * @param {{ cwd: string, what: string, shell?: boolean, output?: 'ignore' | 2 }} options `what` names it in the error
 */
function run(command, args, { cwd, what, shell = false, output = 2 }) {
  return /** @type {Promise<void>} */ (
    new Promise((resolve, reject) => {
      const child = spawn(command, args, { cwd, shell, stdio: ['ignore', output, 2] })
      child.on('error', reject)
      child.on('exit', (code, signal) =>
        code === 0 ? resolve() : reject(new Error(`set-up: ${what} failed (${signal ?? `exit code ${code}`})`)),
      )
    })
  )
}

function readIfThere(/** @type {string} */ path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

const seconds = (/** @type {number} */ since) => `${((Date.now() - since) / 1000).toFixed(1)} s`

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await setUp(process.argv.includes('--build') ? { build: true } : { chromium: true }).catch((error) => {
    tell(error.message)
    process.exitCode = 1
  })
}
