/** Threads for tests of the pool: real ones that die at a chosen message, and false ones that say what a test likes. */
import { startThread } from '#worker'
import type { PoolRequest } from '../src/sandbox/pool.ts'
import { WorkerPool } from '../src/sandbox/pool.ts'
import { SnapshotSeal } from '../src/sandbox/snapshot-seal.ts'
import type { StartThread, ThreadEvents, WorkerThread } from '../src/sandbox/thread.ts'
import { readAsset } from '#source'
import { quickjs } from '../engines/quickjs/engine.ts'
import { createLedger, type Ledger } from '../src/gate/ledger.ts'
import { DEFAULT_LIMITS } from '../src/limits.ts'
import type { Image } from '../src/loader/image.ts'
import { canSuspend } from '../src/loader/suspension.ts'
import type { SandboxOptions } from '../src/request.ts'
import { Toolbox } from '../src/tool.ts'

let image: Promise<Image> | undefined

/** The JavaScript image, made once a test file. */
export function javascriptImage(): Promise<Image> {
  image ??= quickjs.prepare({ asset: readAsset, cache: { get: async () => undefined, put: async () => {} } })
  return image
}

/** What `toka.ts` asks a pool for. */
export async function poolRequest(options: Partial<SandboxOptions> = {}): Promise<PoolRequest> {
  const made = await javascriptImage()
  return {
    options: { language: 'javascript', ...options },
    limits: { ...DEFAULT_LIMITS, memoryBytes: 32 * 2 ** 20, ...options.limits },
    image: made,
    engine: { name: quickjs.name, version: quickjs.version, image: made.name },
    toolbox: new Toolbox(options.tools ?? []),
    seal: new SnapshotSeal(),
    onDispose: () => {},
    onFork: () => {},
  }
}

/** @param suspension whether its guests are suspended; default: where they can be */
export async function makePool(
  start: StartThread,
  size = 1,
  ledger: Ledger = createLedger(),
  suspension?: boolean,
): Promise<WorkerPool> {
  return new WorkerPool({ start, ledger, size, suspension: suspension ?? (await canSuspend()) })
}

/** How a worker dies: ended from outside, or by itself, because it is sent what it does not understand. */
export type Death = 'is terminated' | 'ends itself'

export type Moment = { kind: string; direction: 'to worker' | 'from worker'; when: 'before' | 'after' }

/** Real threads, of which the first dies when a message of a kind passes. */
export function mortalThread({ kind, direction, when }: Moment, death: Death): StartThread & { died: boolean } {
  const start = (events: ThreadEvents): WorkerThread => {
    const isKind = (message: unknown): boolean => (message as { kind?: unknown })?.kind === kind
    const die = (): void => {
      if (mortal.died) return
      mortal.died = true
      if (death === 'is terminated') thread.terminate()
      else thread.post({ kind: 'nonsense' })
    }
    const thread = startThread({
      message: (data) => {
        const now = direction === 'from worker' && isKind(data) && !mortal.died
        if (now && when === 'before') die()
        // A message of a thread that was ended in the meantime is lost, as it may be.
        if (!(now && when === 'before' && death === 'is terminated')) events.message(data)
        if (now && when === 'after') die()
      },
      ended: events.ended,
    })
    return {
      post: (message) => {
        const now = direction === 'to worker' && isKind(message) && !mortal.died
        if (now && when === 'before') die()
        thread.post(message)
        if (now && when === 'after') die()
      },
      terminate: () => thread.terminate(),
      hold: (held) => thread.hold(held),
    }
  }
  const mortal = Object.assign(start, { died: false })
  return mortal
}
