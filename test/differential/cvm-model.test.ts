/** The machine in WebAssembly against the machine in TypeScript: the same programs, the same requests, the same verdicts. */
import { expect, test } from 'vitest'
import type { Program } from '../../capabilities/compile.ts'
import {
  Bound,
  EntryKind,
  Layout,
  Opcode,
  Reason,
  RequestFlag,
  SLOT_ADDRESS,
  SLOT_BYTES,
} from '../../capabilities/isa.ts'
import { type ModelRequest, runModel } from '../../capabilities/model.ts'
import { verifyProgram } from '../../capabilities/verify.ts'
import { Cvm } from '../../src/gate/cvm.ts'
import { createLedger } from '../../src/gate/ledger.ts'
import { buildPool, type PoolOffsets } from '../machine-pool.ts'

const CELLS = 6
const plans = Array.from({ length: CELLS }, () => ({ kind: 'calls' as const, initial: 0 }))

/** A generator of numbers that is the same everywhere (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

type Random = (below: number) => number
const pick = <T>(next: Random, items: readonly T[]): T => items[next(items.length)]!

/** Operands that the verifier takes, for each opcode. */
function operands(next: Random, opcode: number, pool: PoolOffsets): [a: number, immediate: number] {
  const integerSlot = 4 + next(4)
  switch (opcode) {
    case Opcode.RET:
      return [0, next(3) > 0 ? 1 : 0]
    case Opcode.ACT:
      return [next(2), 1 + next(7)]
    case Opcode.EQ:
      return next(2) ? [next(4), pick(next, pool.blobs)] : [integerSlot, pick(next, pool.integers)]
    case Opcode.LE:
    case Opcode.GE:
      return [integerSlot, pick(next, pool.integers)]
    case Opcode.IN:
      return next(2) ? [next(4), pick(next, pool.blobSets)] : [integerSlot, pick(next, pool.integerSets)]
    case Opcode.DFA:
      return [next(4), pick(next, pool.automata)]
    case Opcode.CIDR4:
      return [next(4), pick(next, pool.networks4)]
    case Opcode.CIDR6:
      return [next(4), pick(next, pool.networks6)]
    case Opcode.BEFORE:
    case Opcode.AFTER:
      return [0, pick(next, pool.times)]
    case Opcode.ALIVE:
      return [0, next(CELLS)]
    case Opcode.FLAG:
      return [next(2), next(4)]
    case Opcode.RATE:
      return [0, pick(next, pool.rates)]
    case Opcode.CHARGE:
      return [next(2) ? 255 : integerSlot, next(CELLS)]
    default:
      return [0, 0]
  }
}

/** A program that verifies: tests and charges at random, jumps forward at random. */
function writeProgram(next: Random, code: Uint8Array, pool: PoolOffsets): number {
  const view = new DataView(code.buffer)
  const count = 2 + next(10)
  const write = (index: number, opcode: number, a: number, jump: number, immediate: number): void => {
    code[index * 8] = opcode
    code[index * 8 + 1] = a
    view.setUint16(index * 8 + 2, jump, true)
    view.setUint32(index * 8 + 4, immediate, true)
  }
  for (let index = 0; index < count; index++) {
    if (index === count - 1) write(index, Opcode.RET, 0, 0, next(2))
    else if (index === 0) write(index, Opcode.ACT, 0, 1, 7)
    else if (index < count - 1 && next(6) === 0) {
      write(index++, Opcode.COMMIT, 0, 0, 0)
      write(index, Opcode.RET, 0, 0, 1)
    } else {
      const opcode = pick(next, TESTS)
      const [a, immediate] = operands(next, opcode, pool)
      const jumps = opcode !== Opcode.RET
      write(index, opcode, a, jumps ? Math.min(count - 1, index + 1 + next(2)) : 0, immediate)
    }
  }
  return count
}

/** Each test twice and an end once: programs should run far. */
const EVERY = Object.values(Opcode).filter((opcode) => opcode !== Opcode.COMMIT && opcode !== Opcode.RET)
const TESTS = [Opcode.RET, ...EVERY, ...EVERY, Opcode.CHARGE, Opcode.CHARGE, Opcode.RATE, Opcode.ALIVE]

/** Both machines over one memory image. */
class Pair {
  readonly pool = buildPool(CELLS)
  readonly code = new Uint8Array(16 * 8)
  readonly ledger = createLedger()
  readonly account = this.ledger.open(plans)
  readonly #cells = new BigInt64Array(this.ledger.memory.buffer)
  readonly cvm: Cvm
  readonly #memory: Uint8Array
  readonly #view: DataView
  readonly #codeAt = Layout.PROGRAM + Bound.CELLS * 4
  readonly #poolAt = this.#codeAt + this.code.length

  constructor() {
    this.cvm = new Cvm({ code: this.code.slice(), pool: this.pool.bytes, cells: plans }, this.account, this.ledger)
    this.#memory = new Uint8Array(this.cvm.exports.memory.buffer)
    this.#view = new DataView(this.cvm.exports.memory.buffer)
    this.cvm.exports.begin(0xffffffff, 16)
  }

  program(count: number): Program {
    return { code: this.code.subarray(0, count * 8), pool: this.pool.bytes, cells: plans }
  }

  /** The request and the cells, in the memories of the CVM and of the ledger. */
  #load(count: number, request: ModelRequest, cells: readonly number[]): void {
    this.#memory.set(this.code.subarray(0, count * 8), this.#codeAt)
    this.cvm.exports.install(Layout.PROGRAM, this.#codeAt, count, this.#poolAt)
    request.bytes.forEach((bytes, slot) => {
      this.#memory.set(bytes, SLOT_ADDRESS[slot]!)
      this.#view.setUint32(Layout.LENGTHS + slot * 4, bytes.length, true)
    })
    request.integers.forEach((value, slot) => {
      this.#view.setBigInt64(Layout.INTEGERS + slot * 8, BigInt(value), true)
    })
    cells.forEach((value, index) => {
      this.#cells[this.account.cells[index]!] = BigInt(value)
    })
  }

  /** Decides by both. Answers how they differ, or nothing. */
  differ(
    count: number,
    request: ModelRequest,
    cells: readonly number[],
    tally: Record<string, number>,
  ): string | undefined {
    const expectedCells = [...cells]
    const expected = runModel(this.program(count), request, expectedCells)
    this.#load(count, request, cells)
    const flags = request.subtree ? RequestFlag.SUBTREE : 0
    const amount = request.integers[0]!
    const answer = this.cvm.exports.decide(
      request.action,
      request.bytes[0]!.length,
      amount,
      amount,
      request.now / 1000,
      flags,
    )
    const after = this.account.cells.map((cell) => Number(this.#cells[cell]))
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
    const key = expected.allowed ? `allowed with ${Math.min(expected.entries.length, 2)}` : `reason ${expected.reason}`
    tally[key] = (tally[key] ?? 0) + 1
    const texts = [
      { ...wanted, link: expected.link, cells: expectedCells },
      { ...found, link: this.cvm.exports.link(), cells: after },
    ].map((side) => JSON.stringify(side))
    return texts[0] === texts[1]
      ? undefined
      : `${texts.join('\n')}\n${this.code.subarray(0, count * 8)}\n${JSON.stringify(request)}`
  }

  #ledgerCell(kind: number, cell: number): number {
    return kind === EntryKind.FLAG_CLEAR || kind === EntryKind.FLAG_SET ? cell : this.account.cells[cell]!
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

function makeRequest(next: Random): { request: ModelRequest; cells: number[] } {
  const bytes = SLOT_BYTES.map((_, slot) => {
    const length = next(3) === 0 ? pick(next, [4, 16]) : next(6)
    return Uint8Array.from({ length }, () => pick(next, slot === 0 ? [47, 97, 98] : [97, 98, 10, 0, 255]))
  })
  const integers = [next(8), next(8) - 2, next(8) - 2, pick(next, [-1, 0, 7, Number.MAX_SAFE_INTEGER])]
  const cells = Array.from({ length: CELLS }, () => pick(next, [0, 1, 1, next(20), 1_000, 15_000]))
  return {
    request: { action: next(3), bytes, integers, now: next(12) * 1_000, flags: 0, subtree: next(5) === 0 },
    cells,
  }
}

test('random programs are decided alike, with the same charges, expiries and things to test again', () => {
  const pair = new Pair()
  const next = random(1)
  const tally: Record<string, number> = {}
  for (let round = 0; round < 250_000; round++) {
    const count = writeProgram(next, pair.code, pair.pool)
    const { request, cells } = makeRequest(next)
    if (round % 200 === 0) expect(verifyProgram(pair.program(count))).toBeUndefined()
    const difference = pair.differ(count, request, cells, tally)
    if (difference !== undefined) throw new Error(`round ${round}: ${difference}`)
  }
  // The programs must reach every kind of end, or the comparison says nothing about it.
  for (const reason of [
    Reason.NO_GRANT,
    Reason.NOT_YET,
    Reason.EXPIRED,
    Reason.REVOKED,
    Reason.FLOW,
    Reason.RATE,
    Reason.QUOTA,
    Reason.FAULT,
  ]) {
    expect(tally[`reason ${reason}`], `reason ${reason}`).toBeGreaterThan(100)
  }
  for (const entries of [0, 1, 2]) expect(tally[`allowed with ${entries}`], `${entries} entries`).toBeGreaterThan(500)
}, 30_000)

test('a program with changed bytes is refused by the verifier, or decided alike', () => {
  const pair = new Pair()
  const next = random(2)
  const tally = { refused: 0, kept: 0 }
  for (let round = 0; round < 60_000; round++) {
    const count = writeProgram(next, pair.code, pair.pool)
    for (let change = next(4) >> 1; change >= 0; change--)
      pair.code[next(count * 8)] = next(4) === 0 ? next(256) : next(17)
    const { request, cells } = makeRequest(next)
    if (verifyProgram(pair.program(count)) !== undefined) {
      tally.refused++
      continue
    }
    tally.kept++
    const difference = pair.differ(count, request, cells, {})
    if (difference !== undefined) throw new Error(`round ${round}: ${difference}`)
  }
  expect(tally.refused).toBeGreaterThan(5_000)
  expect(tally.kept).toBeGreaterThan(2_000)
}, 30_000)

test('flags of the sandbox are seen by FLAG, and only ever rise', () => {
  const pair = new Pair()
  const next = random(3)
  pair.cvm.exports.raiseFlags(1)
  pair.cvm.exports.raiseFlags(0)
  for (let round = 0; round < 5_000; round++) {
    const count = writeProgram(next, pair.code, pair.pool)
    const { request, cells } = makeRequest(next)
    expect(pair.differ(count, { ...request, flags: 1 }, cells, {})).toBeUndefined()
  }
})
