/** The machine in plain TypeScript: what the CVM must answer. It decides nothing in production; tests compare both. */
import type { Program } from './assembler.ts'
import { Bound, Dfa, EntryKind, INSTRUCTION_BYTES, ONE_CALL, Opcode, Reason, Slot } from './isa.ts'

/** A request: bytes slots 0 to 3, integer slots 4 to 7, time in microseconds since 1970. */
export type ModelRequest = {
  action: number
  bytes: readonly Uint8Array[]
  integers: readonly number[]
  now: number
  flags: number
  subtree: boolean
}

/** What a passed test left behind; amounts of charges, zero for what is only tested again. */
export type ModelEntry = { kind: number; cell: number; amount: number }

export type ModelVerdict = {
  allowed: boolean
  reason: number
  link: number
  entries: readonly ModelEntry[]
  /** Earliest expiry that the verdict rests on, in microseconds; Infinity when there is none. */
  horizon: number
}

type Rate = { interval: number; tolerance: number }
type State = {
  entries: ModelEntry[]
  rates: Map<ModelEntry, Rate>
  mark: number
  horizon: number
  markHorizon: number
  reason: number
  link: number
  owing: boolean
}

const CHARGEABLE: ReadonlySet<number> = new Set([EntryKind.CALLS, EntryKind.BYTES, EntryKind.RATE])

class Model {
  readonly #view: DataView
  readonly #pool: Uint8Array
  readonly #request: ModelRequest
  readonly #cells: number[]
  readonly state: State = {
    entries: [],
    rates: new Map(),
    mark: 0,
    horizon: Infinity,
    markHorizon: Infinity,
    reason: 0,
    link: 0,
    owing: false,
  }

  constructor(pool: Uint8Array, request: ModelRequest, cells: number[]) {
    this.#pool = pool
    this.#view = new DataView(pool.buffer, pool.byteOffset, pool.byteLength)
    this.#request = request
    this.#cells = cells
  }

  #integer(at: number): number {
    return Number(this.#view.getBigInt64(at, true))
  }

  #argument(slot: number): number {
    return this.#request.integers[slot - Slot.INTEGERS]!
  }

  #bytes(slot: number): Uint8Array {
    return this.#request.bytes[slot]!
  }

  #accepts(slot: number, at: number): boolean {
    const classes = this.#view.getUint16(at + Dfa.CLASSES, true)
    const universal = this.#pool[at + Dfa.UNIVERSAL]!
    let state = this.#pool[at + Dfa.START]!
    for (const byte of this.#bytes(slot))
      state = this.#pool[at + Dfa.TABLE + state * classes + this.#pool[at + Dfa.MAP + byte]!]!
    if (this.#request.subtree && slot === 0) return universal !== 0 && state === universal
    return ((this.#pool[at + Dfa.ACCEPT + (state >> 3)]! >> (state & 7)) & 1) === 1
  }

  #same(slot: number, at: number, length: number): boolean {
    const bytes = this.#bytes(slot)
    return bytes.length === length && bytes.every((byte, index) => byte === this.#pool[at + index])
  }

  #equals(slot: number, at: number): boolean {
    if (slot >= Slot.INTEGERS) return this.#argument(slot) === this.#integer(at)
    return this.#same(slot, at + 4, this.#view.getUint32(at, true))
  }

  #contains(slot: number, at: number): boolean {
    for (let index = 0; index < this.#view.getUint32(at, true); index++) {
      const item = at + 8 + index * 8
      if (
        slot >= Slot.INTEGERS
          ? this.#argument(slot) === this.#integer(item)
          : this.#same(slot, this.#view.getUint32(item, true), this.#view.getUint32(item + 4, true))
      )
        return true
    }
    return false
  }

  #inNetwork(slot: number, at: number, size: number): boolean {
    const bytes = this.#bytes(slot)
    return (
      bytes.length === size &&
      bytes.every((byte, index) => (byte & this.#pool[at + size + index]!) === this.#pool[at + index])
    )
  }

  #leave(kind: number, cell: number, amount: number, rate?: Rate): boolean {
    if (this.state.entries.length >= Bound.ENTRIES) return false
    const entry = { kind, cell, amount }
    this.state.entries.push(entry)
    if (rate) this.state.rates.set(entry, rate)
    return true
  }

  #charge(slot: number, cell: number): boolean {
    const amount = slot === ONE_CALL ? 1 : this.#argument(slot)
    if (amount < 0 || amount > Bound.AMOUNT) return false
    let owed = amount
    // Only what charges this cell has an amount.
    for (const entry of this.state.entries) if (entry.cell === cell) owed += entry.amount
    if (owed > this.#cells[cell]!) return false
    this.state.owing = true
    return this.#leave(slot === ONE_CALL ? EntryKind.CALLS : EntryKind.BYTES, cell, amount)
  }

  #rate(at: number): boolean {
    const cell = this.#view.getUint32(at, true)
    const tolerance = this.#integer(at + 16)
    if (this.#cells[cell]! - this.#request.now > tolerance) return false
    this.state.owing = true
    return this.#leave(EntryKind.RATE, cell, 0, { interval: this.#integer(at + 8), tolerance })
  }

  /**
   * The cells after every charge, or the reason why they stay as they were. The order cannot be seen, because it is all or
   * none; and there is enough for each charge, because `#charge` counted those before it.
   */
  commit(): number {
    const after = [...this.#cells]
    for (const entry of this.state.entries.filter(({ kind }) => CHARGEABLE.has(kind))) {
      const rate = this.state.rates.get(entry)
      if (rate) {
        const base = Math.max(after[entry.cell]!, this.#request.now)
        if (base - this.#request.now > rate.tolerance) return Reason.RATE
        after[entry.cell] = base + rate.interval
      } else after[entry.cell]! -= entry.amount
    }
    this.#cells.splice(0, after.length, ...after)
    return Reason.NONE
  }

  /** Runs a test. Answers whether it holds, and why not. */
  test(opcode: number, a: number, immediate: number): readonly [boolean, number] {
    const { now, flags, action } = this.#request
    switch (opcode) {
      case Opcode.ACT:
        if (a !== this.state.link) Object.assign(this.state, { link: a, reason: Reason.NONE })
        this.state.mark = this.state.entries.length
        this.state.markHorizon = this.state.horizon
        return [((immediate >>> action) & 1) === 1, Reason.NO_GRANT]
      case Opcode.EQ:
        return [this.#equals(a, immediate), Reason.NO_GRANT]
      case Opcode.LE:
        return [this.#argument(a) <= this.#integer(immediate), Reason.NO_GRANT]
      case Opcode.GE:
        return [this.#argument(a) >= this.#integer(immediate), Reason.NO_GRANT]
      case Opcode.IN:
        return [this.#contains(a, immediate), Reason.NO_GRANT]
      case Opcode.DFA:
        return [this.#accepts(a, immediate), Reason.NO_GRANT]
      case Opcode.CIDR4:
        return [this.#inNetwork(a, immediate, 4), Reason.NO_GRANT]
      case Opcode.CIDR6:
        return [this.#inNetwork(a, immediate, 16), Reason.NO_GRANT]
      case Opcode.BEFORE: {
        const until = this.#integer(immediate)
        if (now < until) this.state.horizon = Math.min(this.state.horizon, until)
        return [now < until, Reason.EXPIRED]
      }
      case Opcode.AFTER:
        return [now >= this.#integer(immediate), Reason.NOT_YET]
      case Opcode.ALIVE:
        return [this.#cells[immediate] === 1 && this.#leave(EntryKind.ALIVE, immediate, 0), Reason.REVOKED]
      case Opcode.FLAG: {
        const kind = a === 1 ? EntryKind.FLAG_SET : EntryKind.FLAG_CLEAR
        return [((flags & immediate) !== 0) === (a === 1) && this.#leave(kind, immediate, 0), Reason.FLOW]
      }
      case Opcode.RATE:
        return [this.#rate(immediate), Reason.RATE]
      default:
        return [this.#charge(a, immediate), Reason.QUOTA]
    }
  }

  /** A test failed: what its alternative left behind goes. */
  undo(reason: number): void {
    const { state } = this
    state.reason = Math.max(state.reason, reason)
    state.entries.length = Math.min(state.entries.length, state.mark)
    state.horizon = state.markHorizon
    state.owing = state.entries.some(({ kind }) => CHARGEABLE.has(kind))
  }
}

/**
 * Decides a request by a verified program.
 * @param cells what each cell of the program holds; changed in place when charges are debited
 */
export function runModel({ code, pool }: Program, request: ModelRequest, cells: number[]): ModelVerdict {
  const model = new Model(pool, request, cells)
  const { state } = model
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength)
  const answer = (allowed: boolean, reason: number): ModelVerdict => {
    state.reason = Math.max(state.reason, reason)
    return { allowed, reason: state.reason, link: state.link, entries: state.entries, horizon: state.horizon }
  }
  for (let index = 0; index * INSTRUCTION_BYTES < code.length; ) {
    const at = index * INSTRUCTION_BYTES
    const [opcode, immediate] = [code[at]!, view.getUint32(at + 4, true)]
    if (opcode === Opcode.RET) {
      if (immediate !== 1) return answer(false, Reason.NO_GRANT)
      return state.owing ? answer(false, Reason.FAULT) : answer(true, Reason.NONE)
    }
    if (opcode === Opcode.COMMIT) {
      const refused = model.commit()
      if (refused !== Reason.NONE) return answer(false, refused)
      state.owing = false
      index++
      continue
    }
    const [holds, reason] = model.test(opcode, code[at + 1]!, immediate)
    if (holds) index++
    else {
      model.undo(reason)
      index = view.getUint16(at + 2, true)
    }
  }
  return answer(false, Reason.FAULT)
}
