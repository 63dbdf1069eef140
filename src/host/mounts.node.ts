/** `#mounts` in Node: a host directory by its path, or files by value. Each driver is loaded with its first mount. */
import { statSync } from 'node:fs'
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
  if (typeof from !== 'string')
    throw new TokaError('TOKA_MOUNT_UNSUPPORTED', `mount at ${at}: expected the path of a host directory or { files }`)
  if (from === '' || from.includes('\0') || !statSync(from, { throwIfNoEntry: false })?.isDirectory())
    throw new TokaError(
      'TOKA_MOUNT_MISSING',
      `mount at ${at}: ${JSON.stringify(from.slice(0, 500))} is no directory of this host`,
    )
  const { DiskDriver } = await import('./disk.node.ts')
  try {
    return new DiskDriver(from)
  } catch (error) {
    throw new TokaError(
      'TOKA_MOUNT_MISSING',
      `mount at ${at}: ${JSON.stringify(from.slice(0, 500))} cannot be opened`,
      { cause: error },
    )
  }
}
