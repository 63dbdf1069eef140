/** The locked peers go in beside this file, when they are not there yet: `npm ci`, without scripts. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const here = new URL('./', import.meta.url)
const stamp = new URL('node_modules/.toka-peers', here)

/** Installs the peers. @returns the error of npm, or undefined when they are there */
export async function installPeers(): Promise<string | undefined> {
  const lock = createHash('sha256').update(await readFile(new URL('package-lock.json', here)))
  const wanted = `${process.platform} ${process.arch} ${lock.digest('hex')}`
  const present = await readFile(stamp, 'utf8').catch(() => '')
  if (present === wanted) return undefined
  process.stderr.write('installing the peers (npm ci in bench/peers) …\n')
  const args = ['ci', '--ignore-scripts', '--loglevel=error', '--no-audit', '--no-fund', '--engine-strict=false']
  const { status, stderr, error } = runNpm(args)
  if (status !== 0) return error?.message ?? firstLine(stderr)
  await writeFile(stamp, wanted)
  return undefined
}

/** npm hands its own program to the scripts that it runs; without it, the one on the PATH. */
function runNpm(args: readonly string[]) {
  const own = process.env['npm_execpath']
  const options = { cwd: fileURLToPath(here), encoding: 'utf8' as const }
  if (own && /npm-cli\.c?js$/.test(own)) return spawnSync(process.execPath, [own, ...args], options)
  return spawnSync('npm', args, { ...options, shell: process.platform === 'win32' })
}

const firstLine = (text: string) => text.split('\n').find((line) => line.trim() !== '') ?? 'npm ci failed'

/** The version of an installed peer, or undefined. */
export async function versionOf(name: string): Promise<string | undefined> {
  try {
    return JSON.parse(await readFile(new URL(`node_modules/${name}/package.json`, here), 'utf8')).version
  } catch {
    return undefined
  }
}
