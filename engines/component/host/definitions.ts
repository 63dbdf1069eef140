/** How an interface that components import is written down: each function with its WIT type and what it does. */
import type { MaybePromise } from '../../../src/kernel/host-port.ts'
import type { Process } from '../../../src/kernel/process.ts'
import type { Scheduler } from '../tasks/scheduler.ts'
import type { HeldBytes } from './held-bytes.ts'
import type { ResourceType } from '../resource-types.ts'
import { borrow, own, type WitType } from '../wit-types.ts'

/** A directory of a mount is known by its names: one that is open follows it when the component renames it. */
export interface OpenDirectory {
  /** @param from canonical names before @param to and after */
  renamed(from: readonly string[], to: readonly string[]): void
}

/** The world of one component: what its imports act on. */
export type World = {
  readonly process: Process
  /** What the program is called, its first argument. */
  readonly program: string
  /** What the host holds for the component. */
  readonly held: HeldBytes
  /** Its open directories. */
  readonly directories: Set<OpenDirectory>
  /** The component asks to end. It is killed by a trap. */
  exit(code: number): void
  /** Waits on this thread, where the guest cannot be suspended, until the time is over or something is so. */
  readonly waitHere: ((milliseconds: number, isOver: () => boolean) => void) | undefined
  /** Where the host says that it answers later: streams and futures of its own. */
  readonly tasks: () => Scheduler
  /** What a component is told to seed its maps with: it asks once, and hears the same when it asks again. */
  readonly seed: { value?: readonly [bigint, bigint] }
  /** Of a call that can be given up, aborted when it is, or the run ends. */
  readonly signal: AbortSignal | undefined
}

/** Arguments as lifted: the host's resources are its objects. */
export type Act = (world: World, ...args: never[]) => MaybePromise<unknown>

export type HostFunction = {
  readonly params: readonly WitType[]
  readonly result: WitType | undefined
  readonly act: Act
  /** The answer may take time: the guest is suspended in it, or goes on where it asked for that. */
  readonly waits: boolean
  /** It is an async function of WASI 0.3. */
  readonly isAsync: boolean
  /** It changes nothing, or what it began can be cut off: it can be given up, by `world.signal`. */
  readonly cancels: boolean
}

/** Functions by their names, such as `[method]pollable.block`. */
export type HostInterface = Readonly<Record<string, HostFunction>>

export function func(params: readonly WitType[], result: WitType | undefined, act: Act): HostFunction {
  return { params, result, act, waits: false, isAsync: false, cancels: false }
}

/** One whose answer may take time. */
export function waiting(params: readonly WitType[], result: WitType | undefined, act: Act): HostFunction {
  return { params, result, act, waits: true, isAsync: false, cancels: false }
}

/** An async function of WASI 0.3. */
export function asynchronous(params: readonly WitType[], result: WitType | undefined, act: Act): HostFunction {
  return { params, result, act, waits: true, isAsync: true, cancels: false }
}

/** A resource that the host implements, by interface and name. */
export function hostResource(from: string, name: string): { own: WitType; borrow: WitType } {
  const resource: ResourceType = { name, by: { side: 'host', key: `${from}/${name}` } }
  return { own: own(resource), borrow: borrow(resource) }
}

/** What has to be let go of when its handle is dropped. */
export interface Closable {
  close(): void
}

export function isClosable(resource: object): resource is Closable {
  return 'close' in resource && typeof resource.close === 'function'
}

export type Result = { tag: 'ok' | 'err'; val?: unknown }

export function ok(val?: unknown): Result {
  return val === undefined ? { tag: 'ok' } : { tag: 'ok', val }
}

export function err(val?: unknown): Result {
  return val === undefined ? { tag: 'err' } : { tag: 'err', val }
}
