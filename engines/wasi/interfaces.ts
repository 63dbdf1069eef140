/** What a module may import: the functions of each interface with their types, and who answers them. */
import type { FunctionImport, ValueType } from '../../src/loader/describe.ts'
import { refuseModule } from '../../src/loader/reader.ts'
import { modeCalls, posixCalls } from '../../src/kernel/posix-calls.ts'
import { preview1Parameters, type Preview1, type Preview1Name } from '../../src/kernel/preview1.ts'
import type { MaybePromise } from '../../src/kernel/host-port.ts'

/** How an import is answered. */
export type Row = {
  params: readonly ValueType[]
  results: readonly ValueType[]
  /** `mayWait`: a driver, a stream or the time may make the guest wait. */
  mayWait: boolean
  /** Absent for what is only there to be linked: a guest that calls it dies, and the result names it. */
  answer?: (preview1: Preview1, parameters: readonly (number | bigint)[]) => MaybePromise<number>
}

/** Calls that are answered from what the sandbox itself holds. */
const NEVER_WAIT: ReadonlySet<Preview1Name> = new Set<Preview1Name>([
  ...(['args_get', 'args_sizes_get', 'environ_get', 'environ_sizes_get', 'clock_res_get', 'clock_time_get'] as const),
  ...(['fd_advise', 'fd_fdstat_get', 'fd_fdstat_set_flags', 'fd_fdstat_set_rights', 'fd_prestat_get'] as const),
  ...(['fd_prestat_dir_name', 'fd_tell', 'proc_exit', 'proc_raise', 'random_get', 'sched_yield'] as const),
  ...(['sock_accept', 'sock_recv', 'sock_send', 'sock_shutdown'] as const),
])

const I32: readonly ValueType[] = ['i32']
const words = (count: number): ValueType[] => Array.from({ length: count }, () => 'i32')

function preview1Row(name: string): Row | undefined {
  const params = preview1Parameters(name)
  if (!params) return undefined
  const known = name as Preview1Name
  return {
    params,
    results: known === 'proc_exit' ? [] : I32,
    mayWait: !NEVER_WAIT.has(known),
    answer: (preview1, parameters) => preview1.call(known, parameters),
  }
}

/** Parameters of the functions of `host_process`, `host_user` and `host_fs`, all of 32 bits. */
const POSIX: Readonly<
  Record<string, Readonly<Partial<Record<keyof typeof posixCalls | keyof typeof modeCalls, number>>>>
> = {
  host_process: {
    ...{ proc_spawn: 10, proc_waitpid: 3, proc_kill: 2, proc_getpid: 1, proc_getppid: 1 },
    ...{ fd_pipe: 2, fd_dup: 2, sleep_ms: 1 },
  },
  host_user: { isatty: 2, getuid: 1, getgid: 1, geteuid: 1, getegid: 1, getpwuid: 4 },
  host_fs: { path_mode: 3, fd_mode: 1, chmod: 3 },
}

function posixRow(module: string, name: string): Row | undefined {
  const functions = Object.hasOwn(POSIX, module) ? POSIX[module] : undefined
  const count = functions && Object.hasOwn(functions, name) ? functions[name as keyof typeof functions] : undefined
  if (count === undefined) return undefined
  const act = { ...posixCalls, ...modeCalls }[name as keyof typeof posixCalls]
  return {
    params: words(count),
    results: I32,
    mayWait: true,
    answer: (preview1, parameters) => preview1.answer(act, parameters),
  }
}

/**
 * Ruby's interface to a JavaScript host (@ruby/wasm-wasi): there is none, so only a program that asks for it meets this.
 * Its handles of Ruby's own values are the values' addresses: so no table of ours is part of the guest's state.
 */
function rubyRow({ module, name, params, results }: FunctionImport): Row | undefined {
  if (module === 'rb-js-abi-host') return { params, results, mayWait: false }
  if (module !== 'canonical_abi') return undefined
  const same: Row['answer'] = (_preview1, [value]) => Number(value)
  if (name === 'resource_new_rb-abi-value' || name === 'resource_get_rb-abi-value')
    return { params: I32, results: I32, mayWait: false, answer: same }
  if (name === 'resource_drop_js-abi-value') return { params: I32, results: [], mayWait: false, answer: () => 0 }
  return undefined
}

const HINTS: Readonly<Record<string, string>> = {
  wasi_unstable: 'it was built for an older WASI: build it for preview 1 (wasm32-wasip1)',
  env: 'it expects functions of a host of its own: build it as a WASI program',
  wasi: 'threads are not supported',
}

/**
 * Who answers an import.
 * @throws TokaError TOKA_ENGINE_LOAD for an import that nobody answers, or of other types
 */
export function rowOf(wanted: FunctionImport): Row {
  const { module, name, params, results } = wanted
  const row =
    (module === 'wasi_snapshot_preview1' ? preview1Row(name) : undefined) ?? posixRow(module, name) ?? rubyRow(wanted)
  const shown = `${module.slice(0, 100)}.${name.slice(0, 100)}`
  if (!row) {
    const hint = Object.hasOwn(HINTS, module) ? `: ${HINTS[module]}` : ''
    throw refuseModule(`it imports ${shown}, which is not there${hint}`)
  }
  if (row.params.join() !== params.join() || row.results.join() !== results.join())
    throw refuseModule(
      `it imports ${shown} as (${params.join(', ')}) -> (${results.join(', ')}), which is ` +
        `(${row.params.join(', ')}) -> (${row.results.join(', ')})`,
    )
  return row
}
