/** Finds the Chromium that the browser tests run in: the one that TOKA_CHROMIUM names, an installed one, or the one from npm. */
import { accessSync, constants, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const packageFolder = fileURLToPath(new URL('./chromium/node_modules/@sparticuz/chromium', import.meta.url))

const commands = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']
const applications = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
]

/**
 * @returns {Promise<string | undefined>} the path of a Chromium, or undefined when this machine has none.
 * `TOKA_CHROMIUM=npm` passes over the installed ones.
 */
export async function findChromium() {
  return installedChromium() ?? (await packagedChromium())
}

findChromium.installed = installedChromium

function installedChromium() {
  const named = process.env.TOKA_CHROMIUM
  if (named === 'npm') return undefined
  if (named) return named
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean)
  const onPath =
    process.platform === 'win32' ? [] : folders.flatMap((folder) => commands.map((command) => join(folder, command)))
  return [...onPath, ...applications].find(isProgram)
}

/** Unpacks the browser of the npm package into a folder of its own version: the package takes whatever binary it finds in TMPDIR. */
async function packagedChromium() {
  if (!existsSync(packageFolder)) return undefined
  const manifest = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'))
  const folder = join(tmpdir(), `toka-chromium-${manifest.version}`)
  mkdirSync(folder, { recursive: true })
  const before = process.env.TMPDIR
  process.env.TMPDIR = folder
  try {
    const entry = createRequire(join(packageFolder, 'package.json')).resolve(manifest.name)
    const { default: chromium } = await import(pathToFileURL(entry).href)
    return await chromium.executablePath()
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
}

function isProgram(/** @type {string} */ path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
