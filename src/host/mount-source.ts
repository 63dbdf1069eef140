/** What a mount can come from. Which of them a runtime takes, `#mounts` says. */
import type { FileDriver } from '../gate/drivers.ts'

/** Files given by value: path (absolute, as the guest sees it beneath the mount) to content. */
export type MemorySource = { files: Readonly<Record<string, string | Uint8Array>> }

/** What a `FileSystemDirectoryHandle` is known by here, so that programs without browser types can be compiled. */
export type DirectoryHandle = { readonly kind: 'directory'; readonly name: string }

/**
 * A host directory's path (Node), a directory handle of the page, of its private file system or picked by the user
 * (browsers), or files by value (everywhere).
 */
export type MountSource = string | DirectoryHandle | MemorySource

/**
 * Opens a source as a driver.
 * @param at the guest path, for messages
 * @param mode 'ro' makes every change fail with EROFS, whatever is granted
 * @throws TokaError TOKA_MOUNT_MISSING when it does not exist or is no directory, TOKA_MOUNT_UNSUPPORTED when this
 * runtime cannot mount such a source
 */
export type OpenMount = (from: MountSource, at: string, mode: 'ro' | 'rw') => Promise<FileDriver>

/** Whether a source is files by value. */
export function isMemorySource(from: unknown): from is MemorySource {
  return typeof from === 'object' && from !== null && Object.hasOwn(from, 'files')
}
