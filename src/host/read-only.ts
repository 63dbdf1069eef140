/** A driver that changes nothing: what a mount of mode 'ro' is behind its grants, too. */
import type { FileDriver } from '../gate/drivers.ts'
import { errno } from '../kernel/errno.ts'

function refuse(): never {
  throw errno('EROFS')
}

/** The same files; every change fails with EROFS. */
export function readOnly(driver: FileDriver): FileDriver {
  return {
    resolve: (path, followLast) => driver.resolve(path, followLast),
    open: (path, intent) => (intent.write || intent.create || intent.truncate ? refuse() : driver.open(path, intent)),
    stat: (path) => driver.stat(path),
    list: (path) => driver.list(path),
    readLink: (path) => driver.readLink(path),
    makeDirectory: refuse,
    removeFile: refuse,
    removeDirectory: refuse,
    rename: refuse,
    setTimes: refuse,
    symlink: refuse,
    link: refuse,
    close: () => driver.close(),
  }
}
