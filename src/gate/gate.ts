/** The only way from a sandbox to the world: canonical form, verdict of the CVM, charge, then the driver with the checked copy. */
import { Counter } from '../../capabilities/isa.ts'
import { TokaError } from '../errors.ts'
import { GuestFacingError, type HostPort, type MaybePromise } from '../kernel/host-port.ts'
import { Calls, type GateLimits, type Observers } from './calls.ts'
import { canonicalPath } from './canonical-path.ts'
import { type Counters, Cvm } from './cvm.ts'
import type { Denial } from './denials.ts'
import type { Drivers } from './drivers.ts'
import type { Traffic } from './handles.ts'
import type { Ledger } from './ledger.ts'
import { GuestServices, isGuestService } from './guest-services.ts'
import { GatedMounts } from './mounts.ts'
import type { Policy } from './policy.ts'
import { callTool } from './tools.ts'

export type GateOptions = Observers & {
  policy: Policy
  drivers: Drivers
  /** The Toka's ledger, or a view of it: the policy's account is in its memory. */
  ledger: Ledger
  limits: Readonly<GateLimits>
  /** Milliseconds since 1970, of the host's clock, never the guest's. */
  now: () => number
}

/** What a run used. */
export type GateUsage = Traffic & { hostCalls: number }

/** One sandbox's gate. */
export interface Gate {
  readonly port: HostPort
  /** The CVM's counter, a WebAssembly function to link as the border's: non-zero kills the guest. */
  readonly count: (operation: number) => number
  /** Why `count` kills: the run's host calls are spent, or the gate is closed. */
  readonly stopped: 'calls' | 'closed' | undefined
  /** Refused calls of this run, at most `BORDER.denials`, and how many there were. */
  readonly denials: readonly Denial[]
  readonly denialCount: number
  /** A run begins: host calls, denials and traffic count from nothing. `onDenial` is told each denial that is kept. */
  begin(limits?: Partial<GateLimits>, onDenial?: (denial: Denial) => void): void
  /** A run is over, or must be: calls under way are aborted, their late results dropped. */
  end(): void
  /** Import calls over the gate's life: counted = local + allowed + denied. */
  counters(): Counters
  usage(): GateUsage
  /** Whether the sandbox may hold a secret (`flow` of its grants). */
  readonly tainted: boolean
  /** The sandbox goes on from a state that may hold a secret. */
  taint(): void
  audit(): { records: number; head: string }
  /** A gate for a fork: the same grants and the same ledger account (quotas are shared), its own CVM and handles. */
  fork(drivers: Drivers, observers?: Observers): Gate
  /** Ends everything: calls under way, handles, and the account when no fork shares it. Drivers stay the caller's. */
  dispose(): void
}

/** What forks share. */
type Shared = Policy & { ledger: Ledger; limits: Readonly<GateLimits>; now: () => number }

class SandboxGate implements Gate {
  readonly port: HostPort
  readonly count: (operation: number) => number
  readonly #policy: Shared
  readonly #observers: Observers
  readonly #cvm: Cvm
  readonly #calls: Calls
  readonly #mounts: GatedMounts
  readonly #services: GuestServices
  readonly #traffic: Traffic = { bytesRead: 0, bytesWritten: 0 }
  #limits: GateLimits
  #precise = false
  #closed = false

  /** Takes over one hold of the account. */
  constructor(policy: Shared, drivers: Drivers, observers: Observers) {
    this.#policy = policy
    this.#observers = observers
    this.#limits = policy.limits
    this.#cvm = new Cvm(policy.program, policy.account, policy.ledger)
    this.#calls = new Calls(this.#cvm, policy, policy.now, observers)
    this.#mounts = new GatedMounts(drivers.mounts, this.#calls, this.#traffic)
    const { approvals = false } = policy.program
    const { limits } = policy
    this.#services = new GuestServices({ calls: this.#calls, drivers, approvals, traffic: this.#traffic, limits })
    this.count = this.#cvm.exports.count
    this.port = {
      files: this.#mounts,
      environment: (name) => this.#environment(drivers, name),
      preciseClock: () => this.#preciseClock(),
      refused: (name) => this.#calls.refuseImport(name),
      callTool: (name, input, signal): MaybePromise<Uint8Array> =>
        isGuestService(name)
          ? this.#services.call(name, input, signal)
          : callTool(this.#toolParts(drivers), name, input, signal),
    }
    this.begin()
  }

  #toolParts(drivers: Drivers) {
    const { predicates = [], approvals = false } = this.#policy.program
    return { calls: this.#calls, drivers, limits: this.#limits, predicates, approvals }
  }

  get stopped(): 'calls' | 'closed' | undefined {
    return this.#cvm.stopped
  }

  get tainted(): boolean {
    return this.#calls.tainted
  }

  taint(): void {
    this.#calls.taint()
  }

  get denials(): readonly Denial[] {
    return [...this.#calls.denials.kept]
  }

  get denialCount(): number {
    return this.#calls.denials.total
  }

  begin(limits: Partial<GateLimits> = {}, onDenial?: (denial: Denial) => void): void {
    this.#cvm.exports.leave()
    this.#limits = { ...this.#policy.limits, ...limits }
    this.#cvm.exports.begin(wholeNumber(this.#limits.hostCalls), wholeNumber(this.#limits.concurrentCalls))
    this.#calls.begin(onDenial)
    this.#traffic.bytesRead = 0
    this.#traffic.bytesWritten = 0
  }

  end(): void {
    this.#calls.abort()
    this.#services.closeAll()
    this.#calls.denials.hush()
    this.#cvm.exports.leave()
  }

  #environment(drivers: Drivers, name: string): string | undefined {
    const permit = this.#calls.ask({ operation: 'env.read', name })
    if (!permit) return undefined
    return this.#calls.perform({ permits: [permit], act: () => drivers.environment(permit.name) }) as string | undefined
  }

  /** Asked at each read of the clock, decided and logged only when the answer changes: a coarse clock is no refusal. */
  #preciseClock(): boolean {
    if (this.#calls.probe('clock.precise', '') === this.#precise) return this.#precise
    const permit = this.#calls.ask({ operation: 'clock.precise', name: '' })
    if (permit) this.#calls.perform({ permits: [permit], act: () => undefined })
    this.#precise = permit !== undefined
    return this.#precise
  }

  counters(): Counters {
    return this.#cvm.counters()
  }

  usage(): GateUsage {
    return { ...this.#traffic, hostCalls: this.#cvm.exports.counter(Counter.HOST_CALLS) }
  }

  audit(): { records: number; head: string } {
    return { records: this.#calls.audit.records, head: this.#calls.audit.head }
  }

  fork(drivers: Drivers, observers: Observers = this.#observers): Gate {
    if (this.#closed) throw new TokaError('TOKA_SANDBOX_CLOSED', 'the sandbox is closed and cannot be forked')
    const twin = openGate(this.#policy, drivers, observers)
    if (this.tainted) twin.taint()
    return twin
  }

  dispose(): void {
    if (this.#closed) return
    this.#closed = true
    this.end()
    this.#mounts.closeAll()
    this.#cvm.retire()
    this.#policy.ledger.release(this.#policy.account)
  }
}

/** A limit as an unsigned 32-bit number. What is no number allows nothing. */
function wholeNumber(limit: number): number {
  return limit > 0 ? Math.min(Math.floor(limit), 0xffffffff) : 0
}

function openGate(policy: Shared, drivers: Drivers, observers: Observers): Gate {
  checkMounts(drivers)
  policy.ledger.hold(policy.account)
  try {
    return new SandboxGate(policy, drivers, observers)
  } catch (error) {
    policy.ledger.release(policy.account)
    throw error
  }
}

function checkMounts({ mounts }: Drivers): void {
  for (const { at } of mounts) {
    let canonical: string | undefined
    try {
      canonical = canonicalPath(at)
    } catch (error) {
      if (!(error instanceof GuestFacingError)) throw error
    }
    if (canonical !== at)
      throw new TokaError(
        'TOKA_REQUEST_INVALID',
        `a mount's place must be a canonical absolute path, not ${JSON.stringify(at.slice(0, 200))}`,
      )
  }
}

/**
 * Makes the gate of a new sandbox. It holds the policy's account until it is disposed.
 * @throws TokaError TOKA_REQUEST_INVALID for a mount's place
 */
export function createGate({ policy, drivers, ledger, limits, now, onEvent, trace }: GateOptions): Gate {
  return openGate({ ...policy, ledger, limits, now }, drivers, { onEvent, trace })
}
