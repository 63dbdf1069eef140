/** Packages that only one script needs go in beside their lock file, when they are not there yet: `npm ci`, without scripts. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Installs what a folder's lock file names.
 * @param what how a person who waits is told of it
 * @returns the error of npm, or undefined when they are there
 */
export function installLocked(folder: string, what: string): string | undefined {
  const stamp = join(folder, 'node_modules/.toka-installed')
  const lock = createHash('sha256').update(readFileSync(join(folder, 'package-lock.json')))
  const wanted = `${process.platform} ${process.arch} ${lock.digest('hex')}`
  if (readIfThere(stamp) === wanted) return undefined
  process.stderr.write(`installing ${what} (npm ci) …\n`)
  const quiet = ['--loglevel=error', '--no-audit', '--no-fund', '--engine-strict=false', '--legacy-peer-deps']
  const { status, stderr, error } = runNpm(folder, ['ci', '--ignore-scripts', ...quiet])
  if (status !== 0) return error?.message ?? firstLine(stderr)
  writeFileSync(stamp, wanted)
  return undefined
}

/** npm hands its own program to the scripts that it runs; without it, the one on the PATH. */
function runNpm(cwd: string, args: readonly string[]) {
  const own = process.env['npm_execpath']
  const options = { cwd, encoding: 'utf8' as const }
  if (own && /npm-cli\.c?js$/.test(own)) return spawnSync(process.execPath, [own, ...args], options)
  return spawnSync('npm', args, { ...options, shell: process.platform === 'win32' })
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const firstLine = (text: string) => text.split('\n').find((line) => line.trim() !== '') ?? 'npm ci failed'
