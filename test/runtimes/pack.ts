/** The checkout goes in, the package that npm would publish comes out: its file, and what is in it. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface PackedFile {
  /** Relative to the package's folder, such as `dist/src/index.js`. */
  readonly path: string
  /** Bytes, unpacked. */
  readonly size: number
}

export interface Packed {
  /** The absolute path of the .tgz. */
  readonly archive: string
  /** Bytes of the .tgz. */
  readonly size: number
  readonly files: readonly PackedFile[]
}

/**
 * Packs what is built now; it does not build.
 *
 * @param folder where the .tgz goes
 * @throws with npm's own words when it fails
 */
export function packInto(folder: string): Packed {
  const { stdout } = npm(['pack', '--ignore-scripts', '--json', '--pack-destination', folder], root)
  const parsed = JSON.parse(stdout) as PackResult[] | Record<string, PackResult>
  // npm 12 names the packages where older ones list them.
  const [result] = Object.values(parsed)
  if (!result) throw new Error('npm packed nothing')
  return { archive: join(folder, result.filename), size: result.size, files: result.files }
}

type PackResult = { readonly filename: string; readonly size: number; readonly files: PackedFile[] }

/** The npm that runs us, or the one on the PATH. */
function npm(args: readonly string[], cwd: string): { stdout: string } {
  const own = process.env.npm_execpath
  const [command, first] = own && /npm-cli\.c?js$/.test(own) ? [process.execPath, [own]] : ['npm', []]
  const shell = process.platform === 'win32' && command === 'npm'
  const { status, stdout, stderr } = spawnSync(command, [...first, ...args], { cwd, shell, encoding: 'utf8' })
  if (status !== 0) throw new Error(`npm ${args[0]} failed: ${stderr}`)
  return { stdout }
}
