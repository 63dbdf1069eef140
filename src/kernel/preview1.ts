/** WASI preview 1 over the kernel: the guest's import in, an error number out, everything it names checked on the way. */
import { errno } from './errno.ts'
import { ExactTimes } from './exact-times.ts'
import { GuestMemory } from './guest-memory.ts'
import type { MaybePromise } from './host-port.ts'
import { errnoNumber } from './errno-numbers.ts'
import { SUCCESS } from './preview1-abi.ts'
import type { Calls, Preview1Context } from './preview1-context.ts'
import { Preview1Descriptors } from './preview1-descriptors.ts'
import { directoryCalls } from './preview1-directories.ts'
import { fileCalls } from './preview1-files.ts'
import { pathCalls } from './preview1-paths.ts'
import { pollCalls } from './preview1-poll.ts'
import { systemCalls } from './preview1-system.ts'
import type { Process } from './process.ts'
import { run, type Steps } from './steps.ts'

type Parameter = 'i32' | 'i64'

/** Every function of preview 1 with its parameters; all answer an i32 but proc_exit, which does not answer. */
export const PREVIEW1 = {
  args_get: 'ii',
  args_sizes_get: 'ii',
  environ_get: 'ii',
  environ_sizes_get: 'ii',
  clock_res_get: 'ii',
  clock_time_get: 'iIi',
  fd_advise: 'iIIi',
  fd_allocate: 'iII',
  fd_close: 'i',
  fd_datasync: 'i',
  fd_fdstat_get: 'ii',
  fd_fdstat_set_flags: 'ii',
  fd_fdstat_set_rights: 'iII',
  fd_filestat_get: 'ii',
  fd_filestat_set_size: 'iI',
  fd_filestat_set_times: 'iIIi',
  fd_pread: 'iiiIi',
  fd_prestat_get: 'ii',
  fd_prestat_dir_name: 'iii',
  fd_pwrite: 'iiiIi',
  fd_read: 'iiii',
  fd_readdir: 'iiiIi',
  fd_renumber: 'ii',
  fd_seek: 'iIii',
  fd_sync: 'i',
  fd_tell: 'ii',
  fd_write: 'iiii',
  path_create_directory: 'iii',
  path_filestat_get: 'iiiii',
  path_filestat_set_times: 'iiiiIIi',
  path_link: 'iiiiiii',
  path_open: 'iiiiiIIii',
  path_readlink: 'iiiiii',
  path_remove_directory: 'iii',
  path_rename: 'iiiiii',
  path_symlink: 'iiiii',
  path_unlink_file: 'iii',
  poll_oneoff: 'iiii',
  proc_exit: 'i',
  proc_raise: 'i',
  random_get: 'ii',
  sched_yield: '',
  sock_accept: 'iii',
  sock_recv: 'iiiiii',
  sock_send: 'iiiii',
  sock_shutdown: 'ii',
} as const satisfies Record<string, string>

export type Preview1Name = keyof typeof PREVIEW1

/** The parameters of a function, or undefined for a name that preview 1 does not have. */
export function preview1Parameters(name: string): Parameter[] | undefined {
  if (!Object.hasOwn(PREVIEW1, name)) return undefined
  return [...PREVIEW1[name as Preview1Name]].map((letter) => (letter === 'I' ? 'i64' : 'i32'))
}

/** What a guest's engine gives: how the guest waits, and how it ends. */
export type Preview1Host = Pick<Preview1Context, 'suspends' | 'settle' | 'sleep' | 'exit'> & {
  /** The guest's memory of the moment. */
  memory(): WebAssembly.Memory | undefined
}

const CALLS: Readonly<Record<Preview1Name, Calls[string]>> = {
  ...fileCalls,
  ...directoryCalls,
  ...pathCalls,
  ...pollCalls,
  ...systemCalls,
}

/** A call's own answer, or that it succeeded. */
const numberOf = (answer: unknown): number => (typeof answer === 'number' ? answer : SUCCESS)

/** One guest's preview 1. Its descriptors from 3 on are the process's from here on. */
export class Preview1 {
  readonly #host: Preview1Host
  readonly #process: Process
  readonly #fds: Preview1Descriptors
  readonly #times = new ExactTimes()
  #context: Preview1Context

  constructor(process: Process, host: Preview1Host) {
    this.#process = process
    this.#host = host
    this.#fds = new Preview1Descriptors(process)
    this.#context = this.#newContext()
  }

  /** A run begins: streams are new, and nothing of a run before it touches the memory any more. */
  begin(): void {
    this.#fds.begin()
    this.#context.memory.revoke()
    this.#context = this.#newContext()
  }

  /** The run is over. */
  end(): void {
    this.#context.memory.revoke()
  }

  /**
   * Answers a call of the guest: an error number, now or later. A later one that comes after the end of the run touches
   * nothing. What is no failure of the guest's is thrown: a fault of ours.
   * @param parameters as they came, of the types in {@link PREVIEW1}
   */
  call(name: Preview1Name, parameters: readonly (number | bigint)[]): MaybePromise<number> {
    return this.answer(CALLS[name], parameters)
  }

  /**
   * The same for calls of other interfaces that work on the same descriptors.
   * @param act answers steps, or at once: nothing, or a number of its own
   */
  answer(
    act: (context: Preview1Context, ...parameters: never[]) => unknown,
    parameters: readonly (number | bigint)[],
  ): MaybePromise<number> {
    try {
      const steps = act(this.#context, ...(parameters as never[]))
      const answer = typeof steps === 'object' ? run(steps as Steps<unknown>) : steps
      if (!(answer instanceof Promise)) return numberOf(answer)
      if (this.#host.suspends) return answer.then(numberOf, errnoNumber)
      answer.catch(() => {}) // it goes on without the guest
      throw errno('ENOTSUP')
    } catch (error) {
      return errnoNumber(error)
    }
  }

  #newContext(): Preview1Context {
    const { suspends, memory, settle, sleep, exit } = this.#host
    const own = { process: this.#process, fds: this.#fds, times: this.#times, memory: new GuestMemory(memory) }
    return { ...own, suspends, settle, sleep, exit }
  }
}
