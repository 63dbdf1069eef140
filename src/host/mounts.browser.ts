/** `#mounts` in browsers: a directory handle (private to the origin, or picked by the user), or files by value. */
import type { FileDriver } from '../gate/drivers.ts'
import { TokaError } from '../errors.ts'
import { MemoryDriver } from './memory.ts'
import { isMemorySource, type MountSource, type OpenMount } from './mount-source.ts'
import { OpfsDriver } from './opfs.browser.ts'
import { readOnly } from './read-only.ts'

export type { MountSource }

export const openMount: OpenMount = async (from, at, mode) => {
  const driver = await driverOf(from, at)
  return mode === 'ro' ? readOnly(driver) : driver
}

async function driverOf(from: unknown, at: string): Promise<FileDriver> {
  if (isMemorySource(from)) return new MemoryDriver(from.files)
  if (typeof FileSystemDirectoryHandle !== 'function' || !(from instanceof FileSystemDirectoryHandle))
    throw new TokaError(
      'TOKA_MOUNT_UNSUPPORTED',
      `mount at ${at}: a browser mounts a FileSystemDirectoryHandle or { files }`,
    )
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
