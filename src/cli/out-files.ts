/** The files a guest made go in, host files beneath one directory come out: all written, then all renamed into place. */
import { randomUUID } from 'node:crypto'
import { lstat, mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'

/** A file that would not lie beneath the directory, or could not be written. */
export class OutFileError extends Error {
  override readonly name = 'OutFileError'
}

/**
 * Writes files beneath a host directory, which is made if it is missing. Each one is written to a temporary name and
 * synced; only when all are there is each renamed. Symbolic links below the directory are never followed.
 * @param files by absolute guest path, all beneath `/out`
 * @returns the host paths written, in order of their names
 * @throws OutFileError; then no file was put into place, unless a rename itself failed
 */
export async function writeOutFiles(
  hostDirectory: string,
  files: Readonly<Record<string, Uint8Array>>,
): Promise<string[]> {
  const root = await rootOf(hostDirectory)
  const targets = Object.entries(files)
    .map(([path, bytes]) => ({ parts: partsOf(path), bytes }))
    .sort((a, b) => (a.parts.join('/') < b.parts.join('/') ? -1 : 1))
  const written: { temporary: string; target: string }[] = []
  try {
    for (const { parts, bytes } of targets) {
      const target = await placeFor(root, parts)
      const temporary = join(dirname(target), `.toka-${randomUUID()}.tmp`)
      written.push({ temporary, target })
      await writeSynced(temporary, bytes)
    }
    for (const { temporary, target } of written) await rename(temporary, target)
  } catch (error) {
    for (const { temporary } of written) await rm(temporary, { force: true })
    if (error instanceof OutFileError) throw error
    throw new OutFileError(error instanceof Error ? error.message : String(error))
  }
  return written.map(({ target }) => target)
}

/** Whether files can be written beneath a directory, as far as can be told before: it, or what it would be made in. */
export async function canHold(hostDirectory: string): Promise<boolean> {
  for (let path = resolve(hostDirectory); ; path = dirname(path)) {
    const there = await stat(path).catch(() => undefined)
    if (there) return there.isDirectory()
    if (path === dirname(path)) return false
  }
}

async function rootOf(hostDirectory: string): Promise<string> {
  try {
    await mkdir(hostDirectory, { recursive: true })
    return await realpath(hostDirectory)
  } catch (error) {
    throw new OutFileError(error instanceof Error ? error.message : String(error))
  }
}

/** The components below `/out`. What a guest calls a name may be a path, a drive or a stream on this host. */
function partsOf(path: string): string[] {
  const parts = path.split('/').slice(1)
  const [top, ...below] = parts
  const hostile = below.some(
    (part) => part === '' || part === '.' || part === '..' || part.includes('\0') || part.includes(sep),
  )
  const windows =
    sep === '\\' && below.some((part) => /[<>:"|?*]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(part))
  if (!path.startsWith('/') || top !== 'out' || below.length === 0 || hostile || windows) {
    throw new OutFileError(`${JSON.stringify(path)} cannot be written beneath the directory`)
  }
  return below
}

/** Makes the directories one by one; a link or a file in their place is refused. */
async function placeFor(root: string, parts: readonly string[]): Promise<string> {
  let at = root
  for (const part of parts.slice(0, -1)) {
    at = join(at, part)
    await mkdir(at).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    if (!(await lstat(at)).isDirectory()) throw new OutFileError(`${at} is not a directory: a link is never followed`)
  }
  const target = join(at, parts.at(-1) ?? '')
  const there = await lstat(target).catch(() => undefined)
  if (there?.isDirectory()) throw new OutFileError(`${target} is a directory`)
  return target
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}
