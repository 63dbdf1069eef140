/** What the system calls of one Emscripten guest share: its memory, its process, and what it has open. */
import { BORDER } from '../limits.ts'
import { AT_CWD } from './emscripten-abi.ts'
import { errno } from './errno.ts'
import type { GuestMemory } from './guest-memory.ts'
import type { DirectoryEntry, MaybePromise } from './host-port.ts'
import type { KeptListings, Lister } from './kept-listings.ts'
import type { OpenFile } from './open-file.ts'
import { decodePath } from './paths.ts'
import type { Process } from './process.ts'

/** What a libc keeps of an open file beside the file itself; duplicates of a descriptor share it. */
export type OpenState = {
  /** Where the guest's own reads and writes go on. */
  position: number
  append: boolean
  /** The flags that it was opened with. */
  flags: number
  /** Of a directory: its canonical path when it was opened, and its listing once that was asked for. */
  directory?: { path: string } & Lister<DirectoryEntry>
}

/** Another one each run: what a late answer would touch is nobody's. */
export type SyscallContext = {
  process: Process
  memory: GuestMemory
  opened: WeakMap<OpenFile, OpenState>
  listings: KeptListings<DirectoryEntry>
}

/** A system call: numbers as the guest gave them in, its result or a promise of it out. Fails with an errno. */
export type Syscall = (context: SyscallContext, ...args: number[]) => MaybePromise<number>

/** The same with 64-bit numbers among its arguments. */
export type AnySyscall = (context: SyscallContext, ...args: never[]) => MaybePromise<number>

/** A place in a file, from 64 bits. */
export function placeOf(offset: bigint): number {
  if (offset < 0n || offset > BigInt(Number.MAX_SAFE_INTEGER)) throw errno('EINVAL')
  return Number(offset)
}

/** A path of the guest's memory: bytes up to a zero, bounded before they are decoded. */
export function readPath(memory: GuestMemory, pointer: number): string {
  return decodePath(readText(memory, pointer))
}

/** @throws GuestFacingError ENAMETOOLONG when no zero comes within a path's bound, EFAULT at the memory's end */
export function readText(memory: GuestMemory, pointer: number): Uint8Array {
  const most = BORDER.pathBytes + 1
  const all = memory.bytesFrom(pointer, most)
  const end = all.indexOf(0)
  if (end < 0) throw errno(all.length < most ? 'EFAULT' : 'ENAMETOOLONG')
  return all.slice(0, end)
}

/** A path beside an open directory: absolute ones stand for themselves. The directory is found by its path when it was opened. */
export function pathAt(context: SyscallContext, descriptor: number, path: string): string {
  if (path.startsWith('/') || descriptor === AT_CWD) return path
  const directory = stateOf(context, descriptor).directory
  if (directory === undefined) throw errno('ENOTDIR')
  const whole = `${directory.path === '/' ? '' : directory.path}/${path}`
  if (whole.length > BORDER.pathBytes) throw errno('ENAMETOOLONG')
  return whole
}

/** The state of a descriptor. EBADF when it is not open. */
export function stateOf({ process, opened }: SyscallContext, descriptor: number): OpenState {
  return opened.get(process.descriptors.get(descriptor)) ?? STREAM
}

/** Standard input and output: nothing is kept of them. */
const STREAM: OpenState = { position: 0, append: false, flags: 2 }

/** Whether a descriptor is a stream, which has no position. */
export function isStream({ opened }: SyscallContext, file: OpenFile): boolean {
  return !opened.has(file)
}
