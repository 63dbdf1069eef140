/** One sandbox's capability VM: a verified program goes in once, requests are copied in and decided there. */
import { Bound, Counter, Layout, Reason, Slot, SLOT_ADDRESS, SLOT_BYTES, Stop } from '../../capabilities/isa.ts'
import type { Program } from '../../capabilities/compile.ts'
import { verifyProgram } from '../../capabilities/verify.ts'
import { cvmWasm } from '../../guests/cvm/cvm.generated.ts'
import { TokaError } from '../errors.ts'
import type { Account, Ledger } from './ledger.ts'
import { moduleOf } from '../embedded-wasm.ts'
import { Spares } from '../room.ts'

const PAGE = 65_536
/** Programs that were verified before: they never change. */
const verified = new WeakSet<Program>()
const NOTHING = new Uint8Array(0)

/** What the CVM's wasm exports. Answers below zero are reasons (isa.ts), others reservations or handles. */
export type CvmExports = {
  memory: WebAssembly.Memory
  count(operation: number): number
  leave(): void
  counter(index: number): number
  begin(calls: number, concurrent: number): void
  close(): void
  stop(): number
  refuse(): number
  decide(action: number, length: number, want: number, least: number, now: number, flags: number): number
  link(): number
  amount(): number
  settle(reservation: number, actual: number): number
  cancel(reservation: number): number
  redecide(reservation: number, now: number): number
  openHandle(read: number, write: number): number
  checkHandle(handle: number, right: number, want: number, least: number, now: number, flags?: number): number
  closeHandle(handle: number): number
  install(cells: number, code: number, instructions: number, pool: number): void
  raiseFlags(mask: number): void
  wipe(): void
}

/** How many import calls ended in which way: counted = local + allowed + denied. */
export type Counters = {
  counted: number
  local: number
  allowed: number
  denied: number
  /** Decisions that belong to no import call: taken again before a late result was delivered, or asked by the host. */
  redecided: number
}

/** Memory beyond the tables, in bytes, that a machine may keep for its next sandbox: a program's pool is seldom larger. */
const KEPT_PROGRAM = 2 ** 20

/** Machines that wait wiped for their next sandbox, in each thread. */
const MOST_SPARES = 8
const spares = new WeakMap<Ledger, Spares<CvmExports>>()

function sparesOf(ledger: Ledger): Spares<CvmExports> {
  let kept = spares.get(ledger)
  if (!kept) spares.set(ledger, (kept = new Spares(MOST_SPARES)))
  return kept
}

function newMachine(ledger: Ledger): CvmExports {
  const imports = { ledger: ledger.functions as unknown as WebAssembly.ModuleImports, env: { abort: stopHard } }
  return new WebAssembly.Instance(moduleOf(cvmWasm), imports).exports as unknown as CvmExports
}

/** What a request says beside its name. What is left out is empty or zero. */
export type Slots = {
  path?: string
  host?: string
  /** An address, or which predicates hold. */
  last?: Uint8Array
  port?: number
  method?: number
  approved?: boolean
}

/** An instance with its program. The instance is lent: `retire` gives it back. */
export class Cvm {
  #machine: CvmExports
  readonly #ledger: Ledger
  #name!: Uint8Array<ArrayBuffer>
  readonly #encoder = new TextEncoder()
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

  /** @throws TokaError TOKA_INTERNAL when the program does not verify */
  constructor(program: Program, account: Account, ledger: Ledger) {
    this.#ledger = ledger
    const spare = sparesOf(ledger).take()
    spare?.wipe()
    this.#machine = spare ?? newMachine(ledger)
    this.install(program, account)
  }

  /** The machine's functions; those of a machine that refuses everything after `retire`. */
  get exports(): CvmExports {
    return this.#machine
  }

  /**
   * Ends every decision, and gives the instance back when no call is under way, whose late settlement it waits for
   * otherwise. Counters keep their last values.
   */
  retire(): void {
    const machine = this.#machine
    machine.close()
    machine.leave()
    if (machine.counter(Counter.IN_FLIGHT) > 0) return
    this.#machine = closedMachine(machine)
    this.#name = new Uint8Array(0)
    if (machine.memory.buffer.byteLength > Layout.PROGRAM + KEPT_PROGRAM) return
    machine.wipe()
    // Whoever still reaches it is killed until it is lent again.
    machine.close()
    sparesOf(this.#ledger).put(machine)
  }

  /**
   * Puts a program in the place of another. No call may be under way, and no handle open.
   * @throws TokaError TOKA_INTERNAL when it does not verify
   */
  install(program: Program, account: Account): void {
    const problem = verified.has(program) ? undefined : verifyProgram(program)
    if (problem) throw new TokaError('TOKA_INTERNAL', `a policy's program was refused: ${problem}`)
    verified.add(program)
    if (account.cells.length !== program.cells.length)
      throw new TokaError('TOKA_INTERNAL', "a policy's program has other cells than its account")
    const { memory, install } = this.#machine
    const code = Layout.PROGRAM + Bound.CELLS * 4
    const pool = code + program.code.length
    const missing = pool + program.pool.length - memory.buffer.byteLength
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE))
    new Uint32Array(memory.buffer, Layout.PROGRAM).set(account.cells)
    const bytes = new Uint8Array(memory.buffer)
    bytes.set(program.code, code)
    bytes.set(program.pool, pool)
    install(Layout.PROGRAM, code, program.code.length / 8, pool)
    // Memory that grew is another buffer.
    this.#name = new Uint8Array(memory.buffer as ArrayBuffer, Layout.BYTES, SLOT_BYTES[0])
  }

  /** Copies the other slots of a request into the CVM. Answers false when a text has no room. */
  arrange({ path = '', host = '', last = NOTHING, port = 0, method = 0, approved = false }: Slots): boolean {
    // The machine is another's now.
    if (this.#name.length === 0) return false
    const buffer = this.#machine.memory.buffer
    const lengths = new Uint32Array(buffer, Layout.LENGTHS, SLOT_BYTES.length)
    for (const [slot, text] of [
      [Slot.PATH, path],
      [Slot.HOST, host],
    ] as const) {
      const { read, written } = this.#encoder.encodeInto(
        text,
        new Uint8Array(buffer, SLOT_ADDRESS[slot]!, SLOT_BYTES[slot]),
      )
      if (read !== text.length) return false
      lengths[slot] = written
    }
    new Uint8Array(buffer, SLOT_ADDRESS[Slot.ADDRESS]!, SLOT_BYTES[Slot.ADDRESS]).set(last)
    lengths[Slot.ADDRESS] = last.length
    const integers = new BigInt64Array(buffer, Layout.INTEGERS, Slot.COUNT - Slot.INTEGERS)
    integers[Slot.PORT - Slot.INTEGERS] = BigInt(port)
    integers[Slot.METHOD - Slot.INTEGERS] = BigInt(method)
    integers[Slot.APPROVED - Slot.INTEGERS] = approved ? 1n : 0n
    return true
  }

  /** Copies a name into the CVM. Answers its length in bytes, or -1 when it has no room. */
  write(name: string): number {
    if (name.length > this.#name.length) return -1
    const { read, written } = this.#encoder.encodeInto(name, this.#name)
    return read === name.length ? written : -1
  }

  /** The name that was decided on: what the host acts on. */
  read(length: number): string {
    return this.#decoder.decode(this.#name.subarray(0, length))
  }

  counters(): Counters {
    const { counter } = this.#machine
    return {
      counted: counter(Counter.COUNTED),
      local: counter(Counter.LOCAL),
      allowed: counter(Counter.ALLOWED),
      denied: counter(Counter.DENIED),
      redecided: counter(Counter.REDECIDED),
    }
  }

  get stopped(): 'calls' | 'closed' | undefined {
    const stop = this.#machine.stop()
    if (stop === Stop.CALLS) return 'calls'
    return stop === Stop.CLOSED ? 'closed' : undefined
  }
}

function stopHard(): never {
  throw new TokaError('TOKA_INTERNAL', 'the capability VM stopped')
}

/** What stands for a machine that is another's now. */
function closedMachine({ memory, counter }: CvmExports): CvmExports {
  const last = Object.values(Counter).map((index) => counter(index))
  const none = (): number => 0
  const nothing = (): void => {}
  const refused = (): number => -Reason.CLOSED
  return {
    memory,
    count: () => Stop.CLOSED,
    leave: nothing,
    counter: (index) => last[index] ?? 0,
    begin: nothing,
    close: nothing,
    stop: () => Stop.CLOSED,
    refuse: refused,
    decide: refused,
    link: none,
    amount: none,
    settle: none,
    cancel: none,
    redecide: refused,
    openHandle: none,
    checkHandle: refused,
    closeHandle: none,
    install: nothing,
    raiseFlags: nothing,
    wipe: nothing,
  }
}
