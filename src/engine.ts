/** The one interface between a sandbox and what runs a language: engines implement it, sandboxes call it. */
import type { TokaErrorCode } from './errors.ts'
import type { MaybePromise } from './kernel/host-port.ts'
import type { Process } from './kernel/process.ts'
import type { WaitingThread } from './kernel/waiting-thread.ts'
import type { Image } from './loader/image.ts'
import type { Limits, Metering } from './limits.ts'

export type Language = 'javascript' | 'typescript' | 'python' | 'shell' | 'wasm'

/** What a guest is to do. Text and bytes come from the request, checked for size. */
export type Command = {
  language: Language
  /** Source text, for languages that have one. */
  source: string
  /** Where the source is said to lie in the sandbox: the name in stacks, the base of relative imports. */
  filename: string
  /** Whether the request named a file: a program, not a cell of a notebook. */
  program: boolean
  /** The encoded input value (values.ts), when there is one. */
  input?: Uint8Array
  /** A function of the guest to call, with the encoded list of its arguments: of what has functions instead of source. */
  call?: { name: string; args: Uint8Array }
}

/** A module that the user brings, for engines that run such. */
export type GuestModule = {
  bytes: Uint8Array<ArrayBuffer>
  /** Of the bytes, in hexadecimal. */
  sha256: string
  metering: Metering
  /** What its memory may grow to (`limits.memoryBytes`). */
  memoryBytes: number
}

/** Why a guest stopped other than by itself. */
export type StopReason = 'time' | 'fuel' | 'memory' | 'stack' | 'calls' | 'cancelled' | 'interrupted'

/** How a guest's command ended. */
export type Exit = {
  /** The guest's own; 1 after an uncaught error. */
  exitCode: number
  /** The encoded result value, when the command has one. */
  value?: Uint8Array
  error?: { code: TokaErrorCode; message: string; guestStack?: string }
  /** Set when the guest did not end by itself. */
  stopped?: StopReason
  /** The instance's heap cannot be trusted any more: it must be discarded, never reset. */
  lost: boolean
}

/** What a callout of the fuel answers. `suspend` is answered only where the guest may be suspended. */
export const Verdict = { extend: 0, kill: 1, suspend: 2 } as const

/**
 * A guest's leash, made by the sandbox: the engine asks it at every end of fuel and obeys.
 * One object a run; the engine never keeps it beyond.
 */
export interface Leash {
  /** Units for the next slice: never more than what is left of the run's fuel, so it is read anew for each. */
  readonly slice: number
  /** A slice of `used` units is spent. */
  spent(used: number): (typeof Verdict)[keyof typeof Verdict]
  /** Resolves when the guest may go on after `suspend`: others had the thread. */
  pause(): Promise<void>
  /** Asks for the thread, before the guest is entered and after each wait: resolves when it is the guest's turn. */
  enter(): MaybePromise<void>
  /** The guest waits, or has ended: others may have the thread. */
  leave(): void
  /** The thread itself waits for the guest's call, or goes on: such time is not counted as `usage.cpuMs`. */
  onThread(running: boolean): void
  /** Why the guest must die, once it must. */
  readonly stopped: StopReason | undefined
  /** What a promise comes to, or undefined once the run must end: work of the host before the guest is entered. */
  until<T>(work: Promise<T>): Promise<T | undefined>
  /** The guest waits, now or later in this run: `stop` is called once when it must die. Not called for a second one. */
  watch(stop: () => void): void
}

/** What binds an instance to its sandbox. */
export type ProcessContext = {
  process: Process
  limits: Readonly<Limits>
  /** The start image of the language, which holds nothing of any sandbox: what is lent from one to the next is wiped to it. */
  base: Image
  /** The CVM's counter, a WebAssembly function (i32 operation) -> i32: non-zero kills. Linked wasm to wasm. */
  count: (operation: number) => number
  /**
   * Where guests cannot be suspended and the thread is told of answers while it waits: those that come later are then
   * `Later`s. Absent where it is not; needless where guests can be suspended.
   */
  thread?: WaitingThread
}

/** A live guest. One run at a time; never entered again while a call of it is suspended. */
export interface Instance {
  /** Runs a command to its end: the value or error, and everything it started. Never throws for a guest's failure. */
  run(command: Command, leash: Leash): Promise<Exit>
  /** The state between two runs, as an image that forks start from. It keeps the name of the image it came from. */
  snapshot(): Image
  /**
   * Wipes the instance back to the image that it was forked from.
   * @returns false when it must be discarded instead (memory or a table grew past the budget, a state vector differs).
   */
  reset(): boolean
  /** Bytes of memory that the instance holds now. */
  memoryBytes(): number
  dispose(): void
}

/** What an engine may use while it prepares an image. */
export type EngineIo = {
  /** The bytes of a named wasm asset, verified against its pinned hash. */
  asset(name: string): Promise<Uint8Array>
  /** Images and rewritten modules by hash: a disk cache in Node, the Cache API in browsers. */
  cache: {
    get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>
    put(key: string, bytes: Uint8Array): Promise<void>
  }
  signal?: AbortSignal
  progress?: (done: number, total: number, what: string) => void
}

/** The type of a value as an interface of WIT says it: what schemas are made of. */
export type ValueShape =
  | { readonly kind: string }
  | { readonly kind: 'list'; readonly element: ValueShape }
  | {
      readonly kind: 'record' | 'tuple'
      readonly fields: readonly { readonly key: string; readonly type: ValueShape }[]
    }
  | { readonly kind: 'flags'; readonly labels: readonly { readonly key: string }[] }
  | {
      readonly kind: 'variant' | 'enum' | 'option' | 'result'
      readonly cases: readonly { readonly label: string; readonly type: ValueShape | undefined }[]
    }

/** A function that a guest module exports, with its types. */
export type GuestFunction = {
  readonly name: string
  readonly params: readonly { readonly key: string; readonly type: ValueShape }[]
  readonly result: ValueShape | undefined
}

/** Turns a language or a kind of module into runnable images. Stateless but for its caches; safe to share. */
export interface ExecutionEngine {
  readonly name: string
  readonly version: string
  readonly languages: readonly Language[]
  /** Units of fuel of a slice, where they cost other than those of interpreters; default 20,000 (sandbox/leash.ts). */
  readonly slice?: number
  /**
   * Builds, or takes from the cache, the start image.
   * @param guest the module that the image is made of, for engines that run modules of the user's
   * @throws TokaError TOKA_ENGINE_LOAD naming what is wrong with the module
   */
  prepare(io: EngineIo, guest?: GuestModule): Promise<Image>
  /**
   * The functions of a module whose types are told by it; nothing of it runs.
   * @throws TokaError TOKA_ENGINE_LOAD naming what is wrong with the module
   */
  describe?(guest: GuestModule): readonly GuestFunction[]
  /**
   * The same image with packages beside the language's own library, for engines whose languages have packages.
   * @param files by their path in the directory that packages are in
   */
  addPackages?(image: Image, files: ReadonlyMap<string, Uint8Array>): Promise<Image>
  /** Forks a live instance from an image. */
  fork(image: Image, context: ProcessContext): Promise<Instance>
}
