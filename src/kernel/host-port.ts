/** The kernel's only way out: what the gate implements and the kernel calls when a syscall leaves the sandbox. */

/** A result that is there at once where the driver allows it; a kernel call that gets a promise is answered later. */
export type MaybePromise<T> = T | Promise<T>

/** Index of a mount in the sandbox's mount table. */
export type MountId = number

/** A path inside a mount: canonical, relative, no leading slash, `''` is the mount's root. Never a host path. */
export type MountPath = string

export type FileKind = 'file' | 'directory' | 'link' | 'other'

export type FileStat = {
  kind: FileKind
  /** Bytes. */
  size: number
  /** Milliseconds since 1970. */
  modifiedMs: number
  accessedMs: number
  changedMs: number
  /** Stable within a mount while the file lives; never the host's inode. */
  inode: number
  links: number
}

/** `inode` as in {@link FileStat}, where telling it costs nothing more; 0 where it would. */
export type DirectoryEntry = { name: string; kind: FileKind; inode: number }

export type OpenIntent = {
  read: boolean
  write: boolean
  create: boolean
  /** With `create`: fail with EEXIST when it is there. */
  exclusive: boolean
  truncate: boolean
  append: boolean
}

/** An open file of a mount. Offsets and lengths in bytes; every call is checked against the rights it was opened with. */
export interface HostFile {
  readonly kind: 'file' | 'directory'
  read(offset: number, length: number): MaybePromise<Uint8Array>
  write(offset: number, bytes: Uint8Array): MaybePromise<number>
  stat(): MaybePromise<FileStat>
  truncate(size: number): MaybePromise<void>
  sync(): MaybePromise<void>
  setTimes(accessedMs: number, modifiedMs: number): MaybePromise<void>
  close(): MaybePromise<void>
}

/** The files of a mount as the kernel sees them. Failures are `Errno` errors; a refusal is `EACCES`. */
export interface MountPort {
  /**
   * Follows symbolic links inside the mount and answers the canonical path meant.
   * A link that leads out of the mount is refused as EACCES. The last component need not exist.
   * Tells the guest nothing by itself: the caller goes on to a gated call with the answer.
   */
  resolve(mount: MountId, path: MountPath, followLast: boolean): MaybePromise<MountPath>
  open(mount: MountId, path: MountPath, intent: OpenIntent): MaybePromise<HostFile>
  stat(mount: MountId, path: MountPath): MaybePromise<FileStat>
  list(mount: MountId, path: MountPath): MaybePromise<DirectoryEntry[]>
  readLink(mount: MountId, path: MountPath): MaybePromise<string>
  makeDirectory(mount: MountId, path: MountPath): MaybePromise<void>
  removeFile(mount: MountId, path: MountPath): MaybePromise<void>
  removeDirectory(mount: MountId, path: MountPath): MaybePromise<void>
  /** Both ends in one mount; across mounts the kernel answers EXDEV. */
  rename(mount: MountId, from: MountPath, to: MountPath): MaybePromise<void>
  setTimes(mount: MountId, path: MountPath, accessedMs: number, modifiedMs: number): MaybePromise<void>
  /** A symbolic link that leads downwards only: its target has no `..` and no leading slash, wherever it comes to lie. */
  symlink(mount: MountId, target: string, path: MountPath): MaybePromise<void>
  /** A second name of a file, in the same mount. */
  link(mount: MountId, existing: MountPath, path: MountPath): MaybePromise<void>
}

export interface HostPort {
  readonly files: MountPort
  /** A variable of the host's environment, if granted. `undefined` when refused or unset: a guest cannot tell. */
  environment(name: string): string | undefined
  /** Whether the guest may read the clock at full resolution. Decided and logged at each change of use, not at each read. */
  preciseClock(): boolean
  /** Records that a guest called an import which is there for no guest. The first call of each name in a run counts. */
  refused?(name: string): void
  /** Calls a host tool. Argument and result are encoded values (values.ts). Rejects with a `GuestFacingError`. */
  callTool(name: string, input: Uint8Array, signal: AbortSignal): MaybePromise<Uint8Array>
}

/** An error whose code and text a guest may see: bounded, no host path, no host stack. */
export class GuestFacingError extends Error {
  override readonly name = 'GuestFacingError'
  /** An errno name (`ENOENT`) or a `TOKA_…` code. */
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}
