/** The modules of one Python guest, linked: interpreter, bridge, trampoline and border, with the host's functions behind them. */
import { EmscriptenSyscalls } from '../../src/kernel/emscripten.ts'
import { GuestCalls, type Settle } from '../../src/kernel/guest-calls.ts'
import { FuelGauge } from '../../src/leashed.ts'
import type { MaybePromise } from '../../src/kernel/host-port.ts'
import type { Process } from '../../src/kernel/process.ts'
import {
  type Border,
  type BorderImport,
  Death,
  type HostFunction,
  instantiateBorder,
  PENDING,
} from '../../src/loader/border.ts'
import type { ModuleDescription } from '../../src/loader/describe.ts'
import type { StateLayout } from '../../src/loader/rewrite.ts'
import type { Suspension } from '../../src/loader/suspension.ts'
import { addressImports, borderRows, interpreterFunctions } from './imports.ts'
import { NOBODY, type WiringHost } from './wiring-host.ts'
import { BorderOperation } from './operations.ts'

/** What is compiled once a process and shared by every guest. */
export type GuestModules = {
  interpreter: WebAssembly.Module
  bridge: WebAssembly.Module
  trampoline: WebAssembly.Module
  /** The interpreter's own imports, with their types. */
  imports: Pick<ModuleDescription, 'functionImports' | 'otherImports'>
  layout: StateLayout
}

export type InterpreterExports = {
  memory: WebAssembly.Memory
  __indirect_function_table: WebAssembly.Table
  __stack_pointer: WebAssembly.Global<'i32'>
  __fuel: WebAssembly.Global<'i64'>
  __callout: WebAssembly.Table
  _PyRuntime: WebAssembly.Global<'i32'>
  _PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET: WebAssembly.Global<'i32'>
  __wasm_call_ctors(): void
  __main_argc_argv(count: number, argv: number): number
  emscripten_stack_init(): void
  emscripten_stack_get_base(): number
  emscripten_stack_get_end(): number
  PyThreadState_Get(): number
  PyUnstable_ThreadState_SetStackProtection(thread: number, start: number, size: number): number
  malloc(size: number): number
}

/** The bridge's functions in the order of their table slots, with the names that Python sees. */
export const NATIVES = ['call', 'begin', 'next', 'wait', 'now', 'install'] as const

type BridgeExports = {
  makeBlock(): number
  makeModule(table: number): number
  boot(source: number): number
  attach(block: number): void
  enter(fresh: number): number
} & Record<(typeof NATIVES)[number], WebAssembly.ExportValue>

const REPLY = { params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: ['i64'] } as const
const own = { module: 'host' } as const

/** The bridge's own imports. */
const BRIDGE_IMPORTS: readonly BorderImport[] = [
  { ...own, name: 'call', ...REPLY, operation: BorderOperation.Call },
  { ...own, name: 'begin', ...REPLY, operation: BorderOperation.Begin },
  {
    ...{ ...own, name: 'wait', params: ['i32', 'i32', 'i32'], results: ['i64'] },
    ...{ operation: BorderOperation.Wait, suspends: true },
  },
  { ...own, name: 'take', params: ['i32', 'i32', 'i32'], results: ['i32'], operation: BorderOperation.Take },
  { ...own, name: 'next', params: ['i32', 'i32', 'i32'], results: ['i64'], operation: BorderOperation.Next },
  { ...own, name: 'idle', params: ['f64'], results: [], operation: BorderOperation.Idle, suspends: true },
  { ...own, name: 'now', params: ['i32'], results: ['f64'], operation: BorderOperation.Now },
  { ...own, name: 'seed', params: ['i32'], results: [], operation: BorderOperation.Seed },
]

/** Bytes of the seed that a guest gets once after it was forked or wiped. */
const SEED_BYTES = 32

/** A linked guest. Its memory is not yet an interpreter's: an image is made of one that boots, others are restored. */
export class Wiring {
  readonly calls: GuestCalls
  readonly syscalls: EmscriptenSyscalls
  interpreter!: InterpreterExports
  bridge!: BridgeExports
  fuel!: FuelGauge
  /** First table slot of the bridge's functions; the trampoline's is behind them. */
  tableBase = 0
  readonly #border: Border
  #host: WiringHost = NOBODY
  #enter: (fresh: number) => MaybePromise<number> = () => 0

  private constructor(modules: GuestModules, suspension: Suspension | undefined) {
    const maySuspend = suspension !== undefined
    const settle: Settle = (answer) => this.#host.settle(answer)
    this.calls = new GuestCalls(
      (operation, argument) => this.#host.dispatch(operation, argument),
      (error) => this.#host.fault(error),
      maySuspend,
      { settle, mostHeld: () => this.#host.mostHeld(), keepsThread: !maySuspend },
    )
    this.syscalls = new EmscriptenSyscalls(() => this.interpreter?.memory, {
      ...{ pending: maySuspend ? PENDING : undefined, settle },
      made: () => this.#host.made(),
    })
    this.#border = this.#linkBorder(modules, suspension)
  }

  /**
   * Links a guest. Nobody stands behind the imports yet: the guest traps at its first call until `bind`. Instantiation is
   * asynchronous, because pages may not make an instance of a module as large as an unstripped interpreter at once.
   * @param suspension JSPI; without it calls that are answered later are refused, unless the thread itself can wait
   */
  static async link(modules: GuestModules, suspension: Suspension | undefined): Promise<Wiring> {
    const wiring = new Wiring(modules, suspension)
    const imports = { ...wiring.#border.imports, 'GOT.func': addressImports(modules.imports) }
    const { exports } = await WebAssembly.instantiate(modules.interpreter, imports)
    wiring.#attach(exports, modules)
    const { enter } = wiring.bridge
    wiring.#enter = suspension ? suspension.promising(enter) : enter
    return wiring
  }

  /** Runs the command that the host holds ready. @param fresh whether the guest gets a seed of its own first */
  enter(fresh: boolean): MaybePromise<number> {
    return this.#enter(fresh ? 1 : 0)
  }

  /** The guest traps at its next step across the border. */
  kill(): void {
    if (this.#border.dead.value === Death.alive) this.#border.dead.value = Death.killed
  }

  /** Why the guest is dead: a `Death`, or what the CVM answered; 0 while it lives. */
  get death(): number {
    return this.#border.dead.value
  }

  /** After a reset: what was under way belongs to nobody. */
  revive(): void {
    this.calls.restart()
    this.syscalls.close()
    this.#border.dead.value = Death.alive
  }

  /** A run is over: late answers touch nothing. */
  close(): void {
    this.calls.close()
    this.syscalls.close()
  }

  /** Ends whatever wait the guest is in: it must die. */
  wake(): void {
    this.calls.wake()
    this.syscalls.wake()
  }

  /** @param count the CVM's counter, a wasm function */
  bind(host: WiringHost, process: Process, count: (operation: number) => number): void {
    this.#host = host
    this.syscalls.bind(process)
    this.#border.countWith(count)
  }

  /** The guest is nobody's, and dead. */
  unbind(): void {
    this.calls.close()
    this.syscalls.unbind()
    this.kill()
    this.#border.countWith(undefined)
    this.#host = NOBODY
  }

  #attach(exports: WebAssembly.Exports, modules: GuestModules): void {
    this.interpreter = exports as unknown as InterpreterExports
    this.calls.memory = this.interpreter.memory
    const bridge = new WebAssembly.Instance(modules.bridge, {
      ...this.#border.imports,
      env: { memory: this.interpreter.memory },
      p: exports as unknown as WebAssembly.ModuleImports,
    })
    this.bridge = bridge.exports as unknown as BridgeExports
    this.#fillTable(modules)
    this.interpreter.__callout.set(0, this.#border.callout)
    this.fuel = new FuelGauge(this.interpreter.__fuel)
    this.fuel.armForHost()
  }

  /** The same slots in every guest: what an image holds are their numbers. */
  #fillTable({ trampoline }: GuestModules): void {
    const { memory, __indirect_function_table: table } = this.interpreter
    this.tableBase = table.grow(NATIVES.length + 1)
    NATIVES.forEach((name, index) => {
      table.set(this.tableBase + index, this.bridge[name])
    })
    const { exports } = new WebAssembly.Instance(trampoline, { env: { memory, table } })
    table.set(this.tableBase + NATIVES.length, exports['call'])
  }

  #linkBorder({ imports }: GuestModules, suspension: Suspension | undefined): Border {
    const rows = [...borderRows(imports.functionImports), ...BRIDGE_IMPORTS]
    const functions = interpreterFunctions({
      memory: () => this.interpreter.memory,
      memoryLimit: () => this.#host.memoryLimit(),
      exits: (code) => {
        this.#host.exits(code)
        this.kill()
      },
      aborts: () => this.kill(),
    })
    const { env, wasi } = this.syscalls
    return instantiateBorder(rows, {
      suspension,
      onFault: (error) => this.#host.fault(error),
      callout: () => this.#host.callout(),
      suspend: () => this.#host.pause(),
      wait: () => this.#waiting(() => this.syscalls.wait(), 0),
      tell: (position) => this.#host.refused(rows[position]?.name ?? ''),
      host: {
        env: { ...env, ...functions['env'] },
        wasi_snapshot_preview1: { ...wasi, ...functions['wasi_snapshot_preview1'] },
        host: this.#hostFunctions(suspension),
      },
    })
  }

  #hostFunctions(suspension: Suspension | undefined): Record<string, HostFunction> {
    const { calls } = this
    return {
      call: calls.call.bind(calls),
      begin: calls.begin.bind(calls),
      wait: (ticket: number, out: number, capacity: number) =>
        this.#waiting(() => calls.wait(ticket, out, capacity), 0n),
      take: calls.take.bind(calls),
      next: (id: number, out: number, capacity: number) => {
        if (!suspension) this.#host.polls()
        return calls.next(id, out, capacity)
      },
      idle: (milliseconds: number) => {
        if (calls.arrived) return
        return suspension
          ? this.#waiting(() => this.#host.idle(milliseconds), undefined)
          : this.#host.idleHere(milliseconds)
      },
      now: (clock: number) => this.#host.now(clock),
      seed: (out: number) => {
        new Uint8Array(this.interpreter.memory.buffer, out >>> 0, SEED_BYTES).set(this.#host.random(SEED_BYTES))
      },
    }
  }

  /** A wait of the guest, which others use; it dies after it when its run is over. */
  async #waiting<T>(wait: () => Promise<T>, otherwise: T): Promise<T> {
    const host = this.#host
    host.waits()
    const answer = host.stopped() ? otherwise : await wait()
    await host.resumes()
    if (host.stopped()) this.kill()
    return answer
  }
}
