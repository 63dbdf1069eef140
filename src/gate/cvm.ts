/** One sandbox's capability VM: a verified program goes in once, requests are copied in and decided there. */
import { Bound, Counter, Layout, Slot, SLOT_ADDRESS, SLOT_BYTES, Stop } from '../../capabilities/isa.ts'
import type { Program } from '../../capabilities/compile.ts'
import { verifyProgram } from '../../capabilities/verify.ts'
import { cvmWasm } from '../../guests/cvm/cvm.generated.ts'
import { TokaError } from '../errors.ts'
import type { Account, Ledger } from './ledger.ts'
import { moduleOf } from '../embedded-wasm.ts'

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
  checkHandle(handle: number, right: number, want: number, least: number, now: number): number
  closeHandle(handle: number): number
  install(cells: number, code: number, instructions: number, pool: number): void
  raiseFlags(mask: number): void
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

/** An instance with its program. */
export class Cvm {
  readonly exports: CvmExports
  #name!: Uint8Array<ArrayBuffer>
  readonly #encoder = new TextEncoder()
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

  /** @throws TokaError TOKA_INTERNAL when the program does not verify */
  constructor(program: Program, account: Account, ledger: Ledger) {
    const imports = { ledger: ledger.functions as unknown as WebAssembly.ModuleImports, env: { abort: stopHard } }
    this.exports = new WebAssembly.Instance(moduleOf(cvmWasm), imports).exports as unknown as CvmExports
    this.install(program, account)
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
    const { memory, install } = this.exports
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
    const buffer = this.exports.memory.buffer
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
    const { counter } = this.exports
    return {
      counted: counter(Counter.COUNTED),
      local: counter(Counter.LOCAL),
      allowed: counter(Counter.ALLOWED),
      denied: counter(Counter.DENIED),
      redecided: counter(Counter.REDECIDED),
    }
  }

  get stopped(): 'calls' | 'closed' | undefined {
    const stop = this.exports.stop()
    if (stop === Stop.CALLS) return 'calls'
    return stop === Stop.CLOSED ? 'closed' : undefined
  }
}

function stopHard(): never {
  throw new TokaError('TOKA_INTERNAL', 'the capability VM stopped')
}
