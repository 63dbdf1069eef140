/** `#mounts` in browsers: a directory handle (private to the origin, or picked by the user), or files by value. Each driver is loaded with its first mount. */
import type { FileDriver } from '../gate/drivers.ts'
import { TokaError } from '../errors.ts'
import { isMemorySource, type MountSource, type OpenMount } from './mount-source.ts'
import { readOnly } from './read-only.ts'

export type { MountSource }

export const openMount: OpenMount = async (from, at, mode) => {
  const driver = await driverOf(from, at)
  return mode === 'ro' ? readOnly(driver) : driver
}

async function driverOf(from: unknown, at: string): Promise<FileDriver> {
  if (isMemorySource(from)) return new (await import('./memory.ts')).MemoryDriver(from.files)
  if (typeof FileSystemDirectoryHandle !== 'function' || !(from instanceof FileSystemDirectoryHandle))
    throw new TokaError(
      'TOKA_MOUNT_UNSUPPORTED',
      `mount at ${at}: a browser mounts a FileSystemDirectoryHandle or { files }`,
    )
  const { OpfsDriver } = await import('./opfs.browser.ts')
  const driver = new OpfsDriver(from)
  try {
    await driver.list('')
  } catch (error) {
    throw new TokaError('TOKA_MOUNT_MISSING', `mount at ${at}: the directory is gone or may not be read`, {
      cause: error,
    })
  }
  return driver
}
