/** What the gate needs of the real world: the drivers that `toka.ts` constructs and only the gate calls. */
import type { ActionName } from '../../capabilities/isa.ts'
import type { DirectoryEntry, FileStat, HostFile, MaybePromise, MountPath, OpenIntent } from '../kernel/host-port.ts'

/**
 * The files of one mounted directory. Paths are canonical and relative; the driver opens beneath its root and
 * never follows a symbolic link in `open` or below, whatever another host process does in between.
 * Failures are `GuestFacingError`s with an errno name as code, and no host path in the text.
 */
export interface FileDriver {
  /** Follows links inside the root and answers the path meant; EACCES when one leads outside. */
  resolve(path: MountPath, followLast: boolean): MaybePromise<MountPath>
  open(path: MountPath, intent: OpenIntent): MaybePromise<HostFile>
  /** Of the entry itself, a link included. */
  stat(path: MountPath): MaybePromise<FileStat>
  /** Sorted by name (bytes), without `.` and `..`. */
  list(path: MountPath): MaybePromise<DirectoryEntry[]>
  readLink(path: MountPath): MaybePromise<string>
  makeDirectory(path: MountPath): MaybePromise<void>
  removeFile(path: MountPath): MaybePromise<void>
  removeDirectory(path: MountPath): MaybePromise<void>
  rename(from: MountPath, to: MountPath): MaybePromise<void>
  setTimes(path: MountPath, accessedMs: number, modifiedMs: number): MaybePromise<void>
  /** A symbolic link; the target leads downwards only. EPERM where the driver has none. */
  symlink(target: string, path: MountPath): MaybePromise<void>
  /** A second name of a file that is no link. EPERM where the driver has none. */
  link(existing: MountPath, path: MountPath): MaybePromise<void>
  /** Releases what the driver holds (descriptors of the root). */
  close(): MaybePromise<void>
  /** For what belongs to one sandbox alone: the same for a fork of it, independent from here on. Others are opened anew. */
  fork?(): FileDriver
}

/** A host directory that exists at a guest path. */
export type Mount = {
  /** Absolute guest path, canonical, no trailing slash (`/data`). */
  at: string
  mode: 'ro' | 'rw'
  driver: FileDriver
}

/** What the embedding program is asked: plain data. */
export type ApprovalQuestion = {
  operation: ActionName
  /** The tool's name, or the URL. */
  resource: string
  /** A tool's argument, encoded. */
  input?: Uint8Array
  /** A request's method. */
  method?: string
}

/** What came of asking: its answer; `failed` where it was none; `late` where none came in time. */
export type ApprovalVerdict = 'yes' | 'no' | 'failed' | 'late'

/** A request that was decided on. */
export type NetworkRequest = {
  /** Canonical. */
  url: string
  method: string
  headers: [string, string][]
  body?: Uint8Array
  /** The address to connect to, and no other; undefined where the host is one, or the runtime looks it up itself. */
  address?: string
}

/** A request whose body comes in pieces. */
export type NetworkUpload = Omit<NetworkRequest, 'body'> & {
  /** Bytes of the body, where its sender has said how many: no more and no fewer are sent. */
  length?: number
}

export type NetworkAnswer = {
  status: number
  statusText: string
  /** Names in lower case. */
  headers: [string, string][]
  /** A number to read the body by; 0 when there is none. */
  body: number
}

/** The network. Failures are `GuestFacingError`s with `TOKA_NET_…` codes, and nothing of the host in the text. */
export interface NetworkDriver {
  /** The addresses of a host; undefined where the runtime does not tell (browsers). */
  lookup(host: string, signal: AbortSignal): MaybePromise<readonly string[] | undefined>
  /** Follows no redirect. Resolves with the headers; the body is read after. */
  request(request: NetworkRequest, signal: AbortSignal): MaybePromise<NetworkAnswer>
  /** Begins a request whose body comes in pieces. Answers its number, by which its answer's body is read, too. */
  open(request: NetworkUpload, signal: AbortSignal): MaybePromise<number>
  /**
   * Sends the next piece, none at the end. Resolves once the connection has taken it; with false when no more is wanted,
   * since the answer is there.
   */
  send(upload: number, piece: Uint8Array, signal: AbortSignal): MaybePromise<boolean>
  /** The answer to a request whose body comes in pieces; it may come before the last of them. */
  answer(upload: number, signal: AbortSignal): MaybePromise<NetworkAnswer>
  /** The next bytes, at most so many; none at the end. */
  read(body: number, most: number, signal: AbortSignal): MaybePromise<Uint8Array>
  /** Gives up a body, or a request whose body comes in pieces: its connection is closed. */
  close(body: number): MaybePromise<void>
  /** A run is over: no body of its is read any more. */
  closeAll?(): void
}

export type Drivers = {
  mounts: readonly Mount[]
  /** The host's environment. */
  environment(name: string): string | undefined
  /** Calls a host tool: encoded values in and out, validated on both sides. */
  callTool(name: string, input: Uint8Array, signal: AbortSignal): MaybePromise<Uint8Array>
  /** Asks the embedding program whether a call may be made. Without it nothing is approved. */
  approve?: (question: ApprovalQuestion, signal: AbortSignal) => MaybePromise<ApprovalVerdict>
  /** Without it there is no network. */
  network?: NetworkDriver
}

/** Closes the drivers of mounts. What fails is the driver's own matter: nobody is left to be told. */
export async function closeMounts(mounts: readonly Mount[]): Promise<void> {
  await Promise.allSettled(mounts.map(async ({ driver }) => driver.close()))
}
