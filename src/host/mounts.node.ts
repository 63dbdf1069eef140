/** `#mounts` in Node: a host directory by its path, or files by value. */
import { statSync } from 'node:fs'
import type { FileDriver } from '../gate/drivers.ts'
import { TokaError } from '../errors.ts'
import { DiskDriver } from './disk.node.ts'
import { MemoryDriver } from './memory.ts'
import { isMemorySource, type MountSource, type OpenMount } from './mount-source.ts'
import { readOnly } from './read-only.ts'

export type { MountSource }

export const openMount: OpenMount = async (from, at, mode) => {
  const driver = driverOf(from, at)
  return mode === 'ro' ? readOnly(driver) : driver
}

function driverOf(from: unknown, at: string): FileDriver {
  if (isMemorySource(from)) return new MemoryDriver(from.files)
  if (typeof from !== 'string')
    throw new TokaError('TOKA_MOUNT_UNSUPPORTED', `mount at ${at}: expected the path of a host directory or { files }`)
  if (from === '' || from.includes('\0') || !statSync(from, { throwIfNoEntry: false })?.isDirectory())
    throw new TokaError(
      'TOKA_MOUNT_MISSING',
      `mount at ${at}: ${JSON.stringify(from.slice(0, 500))} is no directory of this host`,
    )
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
