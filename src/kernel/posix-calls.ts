/**
 * What programs built against a patched wasi-libc ask beside preview 1: `host_process`, `host_user` and `host_fs`, as the
 * modules of agent-os (@rivet-dev/agent-os-*, version 0.0.260331072558) import them.
 */
import { BORDER } from '../limits.ts'
import { errno } from './errno.ts'
import { GuestFacingError } from './host-port.ts'
import { statPath } from './path-calls.ts'
import { decodePath } from './paths.ts'
import type { Calls, Preview1Context } from './preview1-context.ts'
import { FileType } from './preview1-abi.ts'
import type { Steps } from './steps.ts'
import { wait } from './steps.ts'

/** The one user of a sandbox: files have no owner and no mode, all is the guest's. */
const USER = 1_000
const PASSWD = 'user:x:1000:1000::/:/bin/sh'

/** Bits of `st_mode`: the type, and what is answered where no mode is kept. */
const DIRECTORY_MODE = 0o40755
const FILE_MODE = 0o100644
const LINK_MODE = 0o120777
const NO_MODE = 0

const MODES = { file: FILE_MODE, directory: DIRECTORY_MODE, link: LINK_MODE, other: NO_MODE } as const

/** Calls whose result is a number of their own, not an errno: they say 0 for what is not there. */
export type ValueCalls = Readonly<
  Record<string, (context: Preview1Context, ...parameters: never[]) => Steps<number> | number>
>

function pathAt({ memory }: Preview1Context, pointer: number, length: number): string {
  if (length >>> 0 > BORDER.pathBytes) throw errno('ENAMETOOLONG')
  return decodePath(memory.copy(pointer, length))
}

export const modeCalls = {
  *path_mode(context, path: number, length: number, follow: number) {
    try {
      const where = pathAt(context, path, length)
      return MODES[(yield* statPath(context.process, where, follow !== 0)).kind]
    } catch (error) {
      if (error instanceof GuestFacingError) return NO_MODE
      throw error
    }
  },

  fd_mode(context, number: number) {
    try {
      const { type } = context.fds.get(number)
      return type === FileType.directory ? DIRECTORY_MODE : type === FileType.regularFile ? FILE_MODE : NO_MODE
    } catch (error) {
      if (error instanceof GuestFacingError) return NO_MODE
      throw error
    }
  },
} satisfies ValueCalls

const tellUser = ({ memory }: Preview1Context, out: number): void => memory.setU32(out, USER)

/** There are no other processes, and none can be started. */
const noProcesses = (): void => {
  throw errno('ENOSYS')
}

export const posixCalls = {
  /** Modes are not kept: a file that is there can be given any. */
  *chmod(context, path: number, length: number, _mode: number) {
    yield* statPath(context.process, pathAt(context, path, length), true)
  },

  isatty(context, _number: number, out: number) {
    context.memory.setU32(out, 0)
  },

  getuid: tellUser,
  getgid: tellUser,
  geteuid: tellUser,
  getegid: tellUser,

  getpwuid(context, user: number, buffer: number, room: number, out: number) {
    if (user !== USER) throw errno('ENOENT')
    const entry = new TextEncoder().encode(PASSWD).subarray(0, room >>> 0)
    context.memory.write(buffer, entry)
    context.memory.setU32(out, entry.length)
  },

  proc_getpid(context, out: number) {
    context.memory.setU32(out, context.process.pid)
  },

  proc_getppid(context, out: number) {
    context.memory.setU32(out, 0)
  },

  proc_spawn: noProcesses,

  proc_waitpid(_context) {
    throw errno('ECHILD')
  },

  proc_kill(_context) {
    throw errno('ESRCH')
  },

  fd_pipe: noProcesses,

  fd_dup(context, number: number, out: number) {
    context.memory.range(out, 4)
    context.memory.setU32(out, context.fds.duplicate(number))
  },

  *sleep_ms(context, milliseconds: number) {
    yield* wait(context.sleep(milliseconds >>> 0))
  },
} satisfies Calls
