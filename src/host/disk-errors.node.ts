/** Failures of the host's file system as errno failures without a path: nothing of the host's layout gets through. */
import { type ErrnoName, errno, isErrno } from '../kernel/errno.ts'
import { GuestFacingError } from '../kernel/host-port.ts'

/** What a guest is told where the host's own name would say nothing, or too much. */
const RENAMED: Readonly<Record<string, ErrnoName>> = {
  EMFILE: 'ENFILE', // of the host's process, not the guest's
  EDQUOT: 'ENOSPC',
  ENXIO: 'EACCES', // a FIFO without a reader, a device without a driver
  ENODEV: 'EACCES',
  ETXTBSY: 'EBUSY',
}

/** The guest-facing failure of a host failure. */
export function diskFailure(error: unknown): GuestFacingError {
  if (error instanceof GuestFacingError) return error
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  const renamed = RENAMED[code]
  if (renamed !== undefined) return errno(renamed)
  return errno(isErrno(code) ? code : 'EIO')
}

/** Runs file system work; host failures come out guest-facing. */
export function onDisk<T>(act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw diskFailure(error)
  }
}
