/** The modules of one QuickJS guest, linked: interpreter, bridge and border, with the host's functions behind them. */
import { type Border, type BorderImport, Death, instantiateBorder } from '../../src/loader/border.ts'
import { TokaError } from '../../src/errors.ts'
import { FuelGauge } from '../../src/leashed.ts'
import type { FunctionImport } from '../../src/loader/describe.ts'
import type { StateLayout } from '../../src/loader/rewrite.ts'
import type { Suspension } from '../../src/loader/suspension.ts'
import type { MaybePromise } from '../../src/kernel/host-port.ts'
import { type Dispatch, GuestCalls, type Settle } from '../../src/kernel/guest-calls.ts'
import { interpreterImports } from './imports.ts'
import { BorderOperation } from './operations.ts'

/** What stands behind the imports: set by whoever owns the guest. */
export type WiringHost = {
  dispatch: Dispatch
  /** @returns a Verdict */
  callout(): number
  /** The guest waits in it after a callout that suspends. */
  pause(): Promise<void>
  /** Whether a blocking wait must end: asked before it, and after it was woken. */
  stopped(): boolean
  /** The guest is going to wait: `calls.wake` must be called when it must die. */
  waits(): void
  /** After a wait: resolves when it is the guest's turn. */
  resumes(): MaybePromise<void>
  fault(error: unknown): void
  /** Milliseconds since 1970, and of the monotonic clock. */
  wallMs(): number
  monotonicMs(): number
  random(length: number): Uint8Array
  /** Waits for an answer that the guest waits for, where it cannot be suspended and its thread can wait. */
  settle: Settle
  /** Bytes of answers that may wait for a guest which takes none. */
  mostHeld(): number
}

function nobody(): never {
  throw new TokaError('TOKA_INTERNAL', 'a guest without a sandbox called its host')
}

/** Stands behind a guest between two sandboxes. */
const NOBODY: WiringHost = {
  dispatch: nobody,
  callout: nobody,
  pause: nobody,
  stopped: () => true,
  waits: () => {},
  resumes: nobody,
  fault: () => {},
  wallMs: nobody,
  monotonicMs: nobody,
  random: nobody,
  settle: nobody,
  mostHeld: () => 0,
}

/** What is compiled once a process and shared by every guest. */
export type GuestModules = {
  interpreter: WebAssembly.Module
  bridge: WebAssembly.Module
  /** The interpreter's own imports, with their types. */
  imports: readonly FunctionImport[]
  layout: StateLayout
  /** The bytecode of the prelude's parts, by their numbers. */
  parts: readonly Uint8Array[]
}

export type InterpreterExports = {
  memory: WebAssembly.Memory
  __indirect_function_table: WebAssembly.Table
  __fuel: WebAssembly.Global<'i64'>
  /** Pages that the memory may have. */
  __pages: WebAssembly.Global<'i32'>
  __callout: WebAssembly.Table
  _initialize(): void
  qjs_init(): number
  qjs_set_memory_limit(bytes: number): void
  qjs_set_max_stack_size(bytes: number): void
  qjs_run_gc(): void
  malloc(size: number): number
  free(pointer: number): void
}

export type BridgeExports = {
  compile(): number
  boot(table: number): number
  attach(): void
  seed(a: bigint, b: bigint): void
  enter(): number
  turn(): number
} & Record<(typeof TABLE_FUNCTIONS)[number], WebAssembly.ExportValue>

/** The bridge's functions in the order of their table slots: sixteen natives, then the interpreter's three callbacks. */
const TABLE_FUNCTIONS = [
  'call',
  'callText',
  'begin',
  'encodeUtf8',
  'decodeUtf8',
  'evaluateScript',
  'evaluateModule',
  'refuseScript',
  'now',
  'random',
  'install',
  'loadPart',
  'encodePlain',
  'decodePlain',
  'callPlain',
  'beginPlain',
  'normalizeModule',
  'loadModule',
  'trackRejection',
] as const

const REPLY = { params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: ['i64'] } as const

/** The bridge's own imports. */
const BRIDGE_IMPORTS: readonly BorderImport[] = [
  { module: 'host', name: 'call', ...REPLY, operation: BorderOperation.Call },
  { module: 'host', name: 'begin', ...REPLY, operation: BorderOperation.Begin },
  {
    module: 'host',
    name: 'wait',
    params: ['i32', 'i32', 'i32'],
    results: ['i64'],
    operation: BorderOperation.Wait,
    suspends: true,
  },
  { module: 'host', name: 'take', params: ['i32', 'i32', 'i32'], results: ['i32'], operation: BorderOperation.Take },
  { module: 'host', name: 'next', params: ['i32', 'i32', 'i32'], results: ['i64'], operation: BorderOperation.Next },
  { module: 'host', name: 'now', params: ['i32'], results: ['f64'], operation: BorderOperation.Now },
]

/** A linked guest. Its memory is not yet an interpreter's: `boot` makes one, or a restored image is one. */
export class Wiring {
  readonly calls: GuestCalls
  readonly interpreter: InterpreterExports
  readonly bridge: BridgeExports
  readonly fuel: FuelGauge
  /** First table slot of the bridge's functions. */
  readonly tableBase: number
  readonly #border: Border
  #host: WiringHost = NOBODY
  readonly #enter: () => MaybePromise<number>
  readonly #turn: () => MaybePromise<number>

  /**
   * Nobody stands behind the imports yet: the guest traps at its first call until `bind`.
   * @param suspension JSPI; without it blocking calls of asynchronous tools are refused and long turns keep the thread
   */
  constructor(modules: GuestModules, suspension: Suspension | undefined) {
    this.calls = new GuestCalls(
      (operation, argument) => this.#host.dispatch(operation, argument),
      (error) => this.#host.fault(error),
      suspension !== undefined,
      { settle: (answer) => this.#host.settle(answer), mostHeld: () => this.#host.mostHeld() },
    )
    this.#border = this.#linkBorder(modules, suspension)
    const interpreter = new WebAssembly.Instance(modules.interpreter, this.#border.imports)
    this.interpreter = interpreter.exports as unknown as InterpreterExports
    this.calls.memory = this.interpreter.memory
    const bridge = new WebAssembly.Instance(modules.bridge, {
      ...this.#border.imports,
      env: { memory: this.interpreter.memory },
      q: interpreter.exports as unknown as WebAssembly.ModuleImports,
    })
    this.bridge = bridge.exports as unknown as BridgeExports
    this.tableBase = this.#fillTable()
    this.interpreter.__callout.set(0, this.#border.callout)
    this.fuel = new FuelGauge(this.interpreter.__fuel)
    this.fuel.armForHost()
    this.#enter = suspension ? suspension.promising(this.bridge.enter) : this.bridge.enter
    this.#turn = suspension ? suspension.promising(this.bridge.turn) : this.bridge.turn
  }

  /** Runs the command that the host holds ready, for one turn. */
  enter(): MaybePromise<number> {
    return this.#enter()
  }

  /** Goes on for one turn. */
  turn(): MaybePromise<number> {
    return this.#turn()
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
    this.#border.dead.value = Death.alive
  }

  /** @param count the CVM's counter, a wasm function */
  bind(host: WiringHost, count: (operation: number) => number): void {
    this.#host = host
    this.#border.countWith(count)
  }

  /** The guest is nobody's, and dead. */
  unbind(): void {
    this.calls.close()
    this.kill()
    this.#border.countWith(undefined)
    this.#host = NOBODY
  }

  #linkBorder(modules: GuestModules, suspension: Suspension | undefined): Border {
    const own = modules.imports.map((row) => ({ ...row, operation: BorderOperation.Interpreter }))
    const calls = this.calls
    const memory = () => this.interpreter.memory
    const wallMs = () => this.#host.wallMs()
    const monotonicMs = () => this.#host.monotonicMs()
    return instantiateBorder([...own, ...BRIDGE_IMPORTS], {
      suspension,
      onFault: (error) => this.#host.fault(error),
      callout: () => this.#host.callout(),
      suspend: () => this.#host.pause(),
      host: {
        ...interpreterImports({ memory, wallMs, monotonicMs, random: (length) => this.#host.random(length) }),
        host: {
          call: calls.call.bind(calls),
          begin: calls.begin.bind(calls),
          wait: async (ticket: number, out: number, capacity: number) => {
            const host = this.#host
            host.waits()
            const reply = host.stopped() ? 0n : await calls.wait(ticket, out, capacity)
            await host.resumes()
            if (host.stopped()) this.kill()
            return reply
          },
          take: calls.take.bind(calls),
          next: calls.next.bind(calls),
          now: (clock: number) => (clock === 0 ? wallMs() : monotonicMs()),
        },
      },
    })
  }

  #fillTable(): number {
    const table = this.interpreter.__indirect_function_table
    const base = table.grow(TABLE_FUNCTIONS.length)
    TABLE_FUNCTIONS.forEach((name, index) => {
      table.set(base + index, this.bridge[name])
    })
    return base
  }
}
