/** Counters of grants: one memory a Toka, shared between workers where the runtime can, that every CVM charges wasm to wasm. */
import type { CellPlan } from '../../capabilities/compile.ts'
import { LEDGER_PAGES } from '../../capabilities/isa.ts'
import { ledgerWasm } from '../../guests/ledger/ledger.generated.ts'
import { sharedWasm } from '../../guests/ledger/shared.generated.ts'
import { TokaError } from '../errors.ts'
import { moduleOf } from '../embedded-wasm.ts'
import type { WasmMemory } from '../wasm-types.ts'

/** The cells of one policy: plain numbers, the same in every worker. `holders` counts the gates that share them. */
export type Account = {
  readonly holders: number
  readonly cells: readonly number[]
  /** Cells that go with the account; the others belong to whoever lent them. Default: all. */
  readonly own?: readonly number[]
}

/** What the ledger's wasm exports. Cells are numbers of 64-bit counters. */
export type LedgerFunctions = {
  left(cell: number): bigint
  set(cell: number, value: bigint): void
  add(cell: number, amount: bigint): bigint
  raise(cell: number, value: bigint): bigint
  reserve(cell: number, amount: bigint): number
  refund(cell: number, amount: bigint): void
  rateReady(cell: number, now: bigint, tolerance: bigint): number
  rateTake(cell: number, now: bigint, interval: bigint, tolerance: bigint): bigint
  rateUndo(cell: number, old: bigint, written: bigint): void
  allocate(): number
  free(cell: number): void
}

export interface Ledger {
  /** Whether other workers can use the same memory: `createLedger(memory)` there. */
  readonly shared: boolean
  readonly memory: WasmMemory
  readonly functions: LedgerFunctions
  /**
   * Cells for a policy, held once.
   * @param lent cells of others, by their place in the plan: no cell is made there
   * @throws TokaError TOKA_RUNTIME_UNSUPPORTED when the ledger is full
   */
  open(plan: readonly CellPlan[], lent?: ReadonlyMap<number, number>): Account
  /** One more gate shares an account. */
  hold(account: Account): void
  /** One gate less; the last one frees the cells. */
  release(account: Account): void
  /** Frees the cells, whoever was said to hold them: gates of a worker that is gone hold them for ever. */
  abandon(account: Account): void
}

function sharedMemory(): WebAssembly.Memory | undefined {
  try {
    const memory = new WebAssembly.Memory({ initial: LEDGER_PAGES, maximum: LEDGER_PAGES, shared: true })
    return isShared(memory) && moduleOf(sharedWasm) ? memory : undefined
  } catch {
    // A page that is not cross-origin isolated: the ledger serves this thread alone.
    return undefined
  }
}

function isShared(memory: WebAssembly.Memory): boolean {
  return typeof SharedArrayBuffer === 'function' && memory.buffer instanceof SharedArrayBuffer
}

class WasmLedger implements Ledger {
  readonly shared: boolean
  readonly memory: WasmMemory
  readonly functions: LedgerFunctions

  constructor(memory: WebAssembly.Memory) {
    this.memory = memory
    this.shared = isShared(memory)
    const module = moduleOf(this.shared ? sharedWasm : ledgerWasm)
    this.functions = new WebAssembly.Instance(module, { env: { memory } }).exports as LedgerFunctions
  }

  open(plan: readonly CellPlan[], lent: ReadonlyMap<number, number> = new Map()): Account {
    const numbers: number[] = []
    for (let index = lent.size; index <= plan.length; index++) {
      const cell = this.functions.allocate()
      if (cell === 0) {
        for (const taken of numbers) this.functions.free(taken)
        throw new TokaError(
          'TOKA_RUNTIME_UNSUPPORTED',
          'the ledger has no room for more quotas: dispose sandboxes that are no longer used',
        )
      }
      numbers.push(cell)
    }
    const [holders, ...own] = numbers as [number, ...number[]]
    this.functions.set(holders, 1n)
    const rest = [...own]
    const cells = plan.map(({ initial }, index) => {
      const given = lent.get(index)
      if (given !== undefined) return given
      const cell = rest.shift()!
      this.functions.set(cell, BigInt(initial))
      return cell
    })
    return { holders, cells, own }
  }

  hold(account: Account): void {
    this.functions.add(account.holders, 1n)
  }

  release(account: Account): void {
    if (this.functions.add(account.holders, -1n) !== 0n) return
    for (const cell of [...(account.own ?? account.cells), account.holders]) this.functions.free(cell)
  }

  abandon(account: Account): void {
    this.functions.set(account.holders, 1n)
    this.release(account)
  }
}

/**
 * Makes a ledger. Quotas live as long as it does: a restart of the process resets them.
 * @param memory of another worker's ledger, to share its cells; without it a new one, shared where the runtime allows
 */
export function createLedger(memory?: WasmMemory): Ledger {
  return new WasmLedger(
    memory ?? sharedMemory() ?? new WebAssembly.Memory({ initial: LEDGER_PAGES, maximum: LEDGER_PAGES }),
  )
}
