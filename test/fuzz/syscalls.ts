/** Host calls with random pointers, lengths, descriptors and flags, while the guest's memory grows between and inside them. */
import { GuestFacingError } from '../../src/kernel/host-port.ts'
import { Kernel } from '../../src/kernel/kernel.ts'
import { decodeValue } from '../../src/kernel/values.ts'
import { port } from '../unit/kernel-guest.ts'
import { choices, type Next, numbers, pick, randomBytes } from './numbers.ts'
import type { Session, Target } from './session.ts'
import { makeArgument, makeOperation } from './syscall-arguments.ts'
import { LIMITS, POINTER_FAULT, World } from './syscall-world.ts'
import { checkTree } from './tree-check.ts'

const MOST_STEPS = 120
const MESSAGE_UNITS = 2_001
const PAGE = 65_536
/** Status bits of a reply, and what lies where in it (engines/quickjs/calls.ts). */
const Status = { failed: 1, large: 2, pending: 4, none: 8 } as const

type Range = readonly [start: number, length: number]
type Reply = { status: number; ticket: number; length: number }

function readReply(reply: bigint): Reply {
  const high = Number(reply >> 32n)
  return { status: high & 0xff, ticket: (high >> 8) & 0xff_ffff, length: Number(reply & 0xffff_ffffn) }
}

/** Words of four bytes that differ; what was not there before counts as zero. */
function changedWords(before: Uint8Array, after: Uint8Array): number[] {
  const [old, now] = [new Int32Array(before.buffer), new Int32Array(after.buffer)]
  const changed: number[] = []
  for (let word = 0; word < old.length; word++) if (now[word] !== old[word]) changed.push(word)
  for (let word = old.length; word < now.length; word++) if (now[word] !== 0) changed.push(word)
  return changed
}

/** The calls of one execution, with what must hold after each. */
class Run {
  readonly world: World
  readonly #next: Next
  readonly #tickets: number[] = []
  readonly #begun = new Set<number>()
  readonly outcomes = new Set<string>()

  constructor(next: Next) {
    this.#next = next
    this.world = new World(next)
  }

  async step(): Promise<void> {
    switch (this.#next(16)) {
      case 0:
        return this.world.grow()
      case 1:
        return this.#nextFinished()
      case 2:
        return this.#take()
      case 3:
        return this.#wait()
      case 4:
        return this.#interpreter()
      case 5:
      case 6:
        return this.#begin()
      case 7:
        return this.#turn()
      default:
        return this.#call()
    }
  }

  /** A pointer: into the memory of now, to its very end, beyond it, or without a sign. */
  #pointer(): number {
    const size = this.world.memory.buffer.byteLength
    if (this.#next(6)) return PAGE / 2 + this.#next(PAGE / 4)
    return pick(this.#next, [0, size - 1, size - 8, size, -1, -8, 2 ** 31, size + PAGE - 4, this.#next(2 ** 32)]) | 0
  }

  #capacity(): number {
    return this.#next(6) ? this.#next(2_000) : pick(this.#next, [0, -1, 2 ** 31 - 1, PAGE]) | 0
  }

  /** Puts an argument where the guest says it is; most of the time it says so truly. */
  #argument(operation: number): Range {
    const argument = makeArgument(this.#next, operation)
    const at = this.#next(1_000)
    new Uint8Array(this.world.memory.buffer).set(argument, at)
    if (this.#next(20) > 0) return [at, argument.length]
    return [this.#pointer(), this.#next(2) ? argument.length : this.#capacity()]
  }

  /** Acts, and checks that nothing but the stated ranges was written and that a fault has a pointer as its reason. */
  #guarded<T>(act: () => T, ranges: (result: T) => Range[], mayFault: readonly Range[]): T | undefined {
    const { memory } = this.world
    const before = new Uint8Array(memory.buffer).slice()
    let result: T | undefined
    let written: Range[] = []
    try {
      result = act()
      written = ranges(result)
    } catch (error) {
      this.#checkFault(error, before.length, mayFault)
    }
    this.#checkWritten(before, written)
    return result
  }

  #checkFault(error: unknown, size: number, ranges: readonly Range[]): void {
    if (!(error instanceof RangeError) || error.message !== POINTER_FAULT) throw error
    if (ranges.every(([start, length]) => (start >>> 0) + (length >>> 0) <= size))
      throw new Error(`a fault without a bad pointer: ${JSON.stringify(ranges)}`)
    this.outcomes.add('fault')
  }

  #checkWritten(before: Uint8Array, ranges: readonly Range[]): void {
    const after = new Uint8Array(this.world.memory.buffer)
    if (after.length < before.length) throw new Error('the memory shrank')
    const isStated = (at: number): boolean =>
      ranges.some(([start, length]) => at >= start >>> 0 && at < (start >>> 0) + length)
    for (const word of changedWords(before, after))
      for (let at = word * 4; at < word * 4 + 4; at++)
        if (after[at] !== (before[at] ?? 0) && !isStated(at))
          throw new Error(`byte ${at} was written, outside of ${JSON.stringify(ranges)}`)
  }

  #bytesAt(pointer: number, length: number): Uint8Array {
    return new Uint8Array(this.world.memory.buffer).slice(pointer >>> 0, (pointer >>> 0) + length)
  }

  /** A reply's payload is where the guest wanted it, fits, and is an error of ours when it says so. */
  #checkReply(reply: Reply, out: number, capacity: number): void {
    const { status, length, ticket } = reply
    if (status & Status.large) {
      if (length <= capacity >>> 0) throw new Error('a ticket for what has room')
      this.#tickets.push(ticket)
    } else if (status & Status.pending) {
      if (!this.world.maySuspend) throw new Error('a guest that cannot be suspended must wait')
      this.#tickets.push(ticket)
    } else if (length > capacity >>> 0) throw new Error(`${length} bytes in ${capacity >>> 0}`)
    this.outcomes.add(`status ${status}`)
    if (status === Status.failed) this.#checkError(this.#bytesAt(out, length))
  }

  #checkError(payload: Uint8Array): void {
    const { code, message } = decodeValue(payload) as { code: unknown; message: unknown }
    const isCode = typeof code === 'string' && /^(?:E[A-Z0-9]{2,14}|TOKA_[A-Z_]+)$/.test(code)
    if (!isCode || typeof message !== 'string') throw new Error(`no error of ours: ${String(code)} ${String(message)}`)
    if (message.length > MESSAGE_UNITS || /\.ts\b|node:|file:/.test(message))
      throw new Error(`an error says ${message}`)
    this.outcomes.add(code)
  }

  #call(): void {
    const operation = makeOperation(this.#next)
    const [pointer, length] = this.#argument(operation)
    const [out, capacity] = [this.#pointer(), this.#capacity()]
    const written = (reply: bigint): Range[] => {
      const { status, length: size } = readReply(reply)
      return status & (Status.large | Status.pending) ? [] : [[out, size]]
    }
    const act = (): bigint => this.world.calls.call(operation, pointer, length, out, capacity)
    const reply = this.#guarded(act, written, [
      [pointer, length],
      [out, capacity],
    ])
    if (reply !== undefined) this.#checkReply(readReply(reply), out, capacity)
  }

  #begin(): void {
    const operation = makeOperation(this.#next)
    const [pointer, length] = this.#argument(operation)
    const [out, capacity] = [this.#pointer(), this.#capacity()]
    const act = (): bigint => this.world.calls.begin(operation, pointer, length, out, capacity)
    const isFailure = (reply: Reply): boolean => (reply.status & Status.failed) !== 0
    const written = (reply: bigint): Range[] => {
      const read = readReply(reply)
      return isFailure(read) && !(read.status & Status.large) ? [[out, read.length]] : []
    }
    const answer = this.#guarded(act, written, [
      [pointer, length],
      [out, capacity],
    ])
    if (answer === undefined) return
    const reply = readReply(answer)
    if (isFailure(reply)) return this.#checkReply(reply, out, capacity)
    if (this.#begun.has(reply.length)) throw new Error(`call ${reply.length} was begun twice`)
    this.#begun.add(reply.length)
    this.outcomes.add('begun')
  }

  #nextFinished(): void {
    const [id, out, capacity] = [this.#pointer(), this.#pointer(), this.#capacity()]
    const written = (reply: bigint): Range[] => {
      const { status, length } = readReply(reply)
      if (status === Status.none) return []
      return status & Status.large
        ? [[id, 4]]
        : [
            [id, 4],
            [out, length],
          ]
    }
    const ranges: Range[] = [
      [id, 4],
      [out, capacity],
    ]
    const before = this.#bytesAt(id, 4)
    const act = (): bigint => this.world.calls.next(id, out, capacity)
    // A call is over once it is taken, even if its payload has no place: then its number may have been written.
    let reply: bigint | undefined
    try {
      reply = this.#guarded(act, written, ranges)
    } catch (error) {
      if (!/outside of \[\]/.test(String(error)) || sameBytes(before, this.#bytesAt(id, 4))) throw error
    }
    if (reply === undefined) return
    const read = readReply(reply)
    if (read.status === Status.none) return
    const over =
      Math.abs((id >>> 0) - (out >>> 0)) < 2_004
        ? undefined
        : new DataView(this.#bytesAt(id, 4).buffer).getUint32(0, true)
    if (over !== undefined && !this.#begun.delete(over)) throw new Error(`call ${over} was never begun`)
    this.#checkReply(read, out, capacity)
  }

  #take(): void {
    const [out, capacity] = [this.#pointer(), this.#capacity()]
    const ticket = this.#next(3) ? (this.#tickets.pop() ?? 0) : this.#next(2 ** 24)
    const act = (): number => this.world.calls.take(ticket, out, capacity)
    const length = this.#guarded(act, (size) => [[out, size]], [[out, capacity]])
    if (length !== undefined && length > capacity >>> 0) throw new Error(`${length} bytes taken into ${capacity}`)
  }

  async #wait(): Promise<void> {
    const [out, capacity] = [this.#pointer(), this.#capacity()]
    const ticket = this.#next(6) ? (this.#tickets.pop() ?? 0) : this.#next(2 ** 24)
    const { memory, calls } = this.world
    const before = new Uint8Array(memory.buffer).slice()
    try {
      const reply = readReply(await calls.wait(ticket, out, capacity))
      this.#checkWritten(before, reply.status & Status.large ? [] : [[out, reply.length]])
      this.#checkReply(reply, out, capacity)
    } catch (error) {
      if (error instanceof GuestFacingError) throw new Error('an error that a guest may see came as an exception')
      this.#checkFault(error, before.length, [[out, capacity]])
    }
  }

  #interpreter(): void {
    const [out, length] = [this.#pointer(), this.#capacity()]
    const { clock_time_get, random_get } = this.world.interpreter.wasi_snapshot_preview1 as Record<string, unknown>
    const isClock = this.#next(2) === 0
    const act = isClock
      ? () => (clock_time_get as (id: number, precision: bigint, out: number) => number)(this.#next(3), 0n, out)
      : () => (random_get as (out: number, length: number) => number)(out, length)
    const status = this.#guarded(act, (code) => (code === 0 ? [[out, isClock ? 8 : length >>> 0]] : []), [])
    this.outcomes.add(`wasi ${status}`)
  }

  /** What waits goes on, and sometimes the run ends and another one begins. */
  async #turn(): Promise<void> {
    for (let left = this.#next(8); left > 0; left--) await Promise.resolve()
    if (this.#next(8) > 0) return
    this.world.kernel.process.end()
    this.world.calls.close()
    this.#begun.clear()
    this.#tickets.length = 0
    this.world.kernel.process.begin()
  }

  check(settled: boolean): void {
    const { kernel, drivers, faults } = this.world
    const { descriptors, stdout, stderr } = kernel.process
    checkTree(kernel.files, settled)
    for (const driver of drivers) checkTree(driver.files, settled)
    if (descriptors.open > LIMITS.descriptors) throw new Error(`${descriptors.open} descriptors`)
    for (const stream of [stdout, stderr])
      if (stream.text().length > LIMITS.outputBytes) throw new Error(`${stream.text().length} units of output`)
    if (faults.length > 0) throw new Error('an answer failed as none may', { cause: faults[0] })
  }

  /** Everything is let go: then nothing may be held, and an image of the kernel restores to the same. */
  async end(): Promise<void> {
    const { kernel, calls } = this.world
    const image = kernel.serialize()
    const files = kernel.files.serialize()
    const twin = Kernel.restore(image, { port: port(), limits: LIMITS })
    checkTree(twin.files, true)
    if (!sameBytes(twin.files.serialize(), files)) throw new Error('another tree is restored')
    calls.close()
    kernel.dispose()
    for (let left = 30; left > 0; left--) await Promise.resolve()
    this.check(true)
  }
}

const sameBytes = (left: Uint8Array, right: Uint8Array): boolean =>
  left.length === right.length && left.every((byte, at) => byte === right[at])

async function execute(input: Uint8Array<ArrayBuffer>): Promise<ReadonlySet<string>> {
  const next = choices(input)
  const run = new Run(next)
  for (let left = next(MOST_STEPS); left > 0; left--) {
    await run.step()
    run.check(false)
  }
  await run.end()
  return run.outcomes
}

export const syscalls: Target = {
  name: 'syscalls',
  open: async (): Promise<Session> => ({
    make: (seed) => {
      const next = numbers(seed)
      return randomBytes(next, next(3_000))
    },
    execute,
  }),
}
