/** The capability VM in WebAssembly and its reference in TypeScript over one memory image: a program in, how they differ out. */
import type { Program } from '../../capabilities/compile.ts'
import { Bound, EntryKind, Layout, RequestFlag, SLOT_ADDRESS } from '../../capabilities/isa.ts'
import { type ModelRequest, runModel } from '../../capabilities/model.ts'
import { Cvm } from '../../src/gate/cvm.ts'
import { createLedger } from '../../src/gate/ledger.ts'
import { buildPool } from '../machine-pool.ts'
import { CELLS } from './machine-programs.ts'

const plans = Array.from({ length: CELLS }, () => ({ kind: 'calls' as const, initial: 0 }))
/** Room for a program's code. */
const CODE_BYTES = 64 * 8
/** A decision takes a millisecond at most on a quiet machine; this is for busy ones. */
const DECISION_MS = 1_000

export class Pair {
  readonly pool = buildPool(CELLS)
  readonly cvm: Cvm
  /** What the last decision came to. */
  end = ''
  readonly #ledger = createLedger()
  readonly #account = this.#ledger.open(plans)
  readonly #cells = new BigInt64Array(this.#ledger.memory.buffer)
  readonly #memory: Uint8Array
  readonly #view: DataView
  readonly #codeAt = Layout.PROGRAM + Bound.CELLS * 4
  readonly #poolAt = this.#codeAt + CODE_BYTES

  constructor() {
    const code = new Uint8Array(CODE_BYTES)
    for (let at = 0; at < CODE_BYTES; at += 8) code.set([1, 0, at / 8 + 1], at)
    code.fill(0, CODE_BYTES - 8)
    this.cvm = new Cvm({ code, pool: this.pool.bytes, cells: plans }, this.#account, this.#ledger)
    this.#memory = new Uint8Array(this.cvm.exports.memory.buffer)
    this.#view = new DataView(this.cvm.exports.memory.buffer)
    this.cvm.exports.begin(0xffffffff, 16)
  }

  program(code: Uint8Array, pool = this.pool.bytes): Program {
    return { code, pool, cells: plans }
  }

  /** The program, the request and the cells, in the memories of the CVM and of the ledger. */
  #load({ code, pool }: Program, request: ModelRequest, cells: readonly number[]): void {
    this.#memory.set(code, this.#codeAt)
    this.#memory.set(pool, this.#poolAt)
    this.cvm.exports.install(Layout.PROGRAM, this.#codeAt, code.length / 8, this.#poolAt)
    request.bytes.forEach((bytes, slot) => {
      this.#memory.set(bytes, SLOT_ADDRESS[slot]!)
      this.#view.setUint32(Layout.LENGTHS + slot * 4, bytes.length, true)
    })
    request.integers.forEach((value, slot) => {
      this.#view.setBigInt64(Layout.INTEGERS + slot * 8, BigInt(value), true)
    })
    cells.forEach((value, index) => {
      this.#cells[this.#account.cells[index]!] = BigInt(value)
    })
  }

  /** Decides a verified program by both. Answers how they differ, or nothing. */
  differ(program: Program, request: ModelRequest, cells: readonly number[]): string | undefined {
    const expectedCells = [...cells]
    const expected = runModel(program, request, expectedCells)
    this.#load(program, request, cells)
    const amount = request.integers[0]!
    const started = performance.now()
    const answer = this.cvm.exports.decide(
      request.action,
      request.bytes[0]!.length,
      amount,
      amount,
      request.now / 1000,
      request.subtree ? RequestFlag.SUBTREE : 0,
    )
    const took = performance.now() - started
    if (took > DECISION_MS) return `a decision took ${Math.round(took)} ms`
    const after = this.#account.cells.map((cell) => Number(this.#cells[cell]))
    const found = answer > 0 ? this.#reservation(answer) : { allowed: false, reason: -answer }
    if (answer > 0) this.cvm.exports.settle(answer, amount)
    const wanted = expected.allowed
      ? {
          allowed: true,
          entries: expected.entries.map(({ kind, cell, amount: owed }) => ({
            kind,
            cell: this.#ledgerCell(kind, cell),
            owed: kind === EntryKind.RATE ? 0 : owed,
          })),
          horizon: expected.horizon,
        }
      : { allowed: false, reason: expected.reason }
    this.end = expected.allowed ? `allowed with ${Math.min(expected.entries.length, 2)}` : `reason ${expected.reason}`
    const texts = [
      { ...wanted, link: expected.link, cells: expectedCells },
      { ...found, link: this.cvm.exports.link(), cells: after },
    ].map((side) => JSON.stringify(side))
    return texts[0] === texts[1] ? undefined : `${texts.join('\n')}\n${program.code}\n${JSON.stringify(request)}`
  }

  #ledgerCell(kind: number, cell: number): number {
    return kind === EntryKind.FLAG_CLEAR || kind === EntryKind.FLAG_SET ? cell : this.#account.cells[cell]!
  }

  #reservation(id: number): object {
    const at = Layout.RESERVATIONS + (id & 1023) * Layout.RESERVATION_BYTES
    const entries = Array.from({ length: this.#view.getUint32(at + 8, true) }, (_, index) => {
      const entry = at + 32 + index * Layout.ENTRY_BYTES
      const kind = this.#view.getUint32(entry + 4, true)
      const owed = kind === EntryKind.RATE ? 0 : Number(this.#view.getBigInt64(entry + 8, true))
      return { kind, cell: this.#view.getUint32(entry, true), owed }
    })
    const horizon = this.#view.getBigInt64(at + 16, true)
    return { allowed: true, entries, horizon: horizon === 2n ** 63n - 1n ? Infinity : Number(horizon) }
  }
}
