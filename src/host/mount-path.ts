/** Paths inside a mount, checked once more by the driver that acts on them. */
import { BORDER } from '../limits.ts'
import { errno } from '../kernel/errno.ts'
import type { MountPath } from '../kernel/host-port.ts'
import { isName } from '../kernel/paths.ts'

/** The names of a canonical relative path; none for the root. EACCES for what is not canonical: no kernel asks for it. */
export function mountNames(path: MountPath): string[] {
  if (path === '') return []
  const names = path.split('/')
  if (names.length > BORDER.pathDepth || !names.every(isName)) throw errno('EACCES')
  return names
}

/** The names above the last one, and the last one. The root has none: EBUSY. */
export function splitMountPath(path: MountPath): { parent: string[]; name: string } {
  const parent = mountNames(path)
  const name = parent.pop()
  if (name === undefined) throw errno('EBUSY')
  return { parent, name }
}
