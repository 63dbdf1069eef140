/** An engine without a sandbox around it: prepares images and forks instances against a real kernel and gate. */
import type { EngineIo, ExecutionEngine, Instance, ProcessContext } from '../src/engine.ts'
import { readAsset } from '#source'
import { createGate, type Gate } from '../src/gate/gate.ts'
import { createLedger } from '../src/gate/ledger.ts'
import { openPolicy } from '../src/gate/policy.ts'
import { Kernel } from '../src/kernel/kernel.ts'
import { DEFAULT_LIMITS, type Limits } from '../src/limits.ts'
import type { Image } from '../src/loader/image.ts'
import { RunLeash } from '../src/sandbox/leash.ts'

/** What an engine under test may use: pinned assets, no cache. */
export const testIo: EngineIo = { asset: readAsset, cache: { get: async () => undefined, put: async () => {} } }

export type Bench = { context: ProcessContext; kernel: Kernel; gate: Gate; dispose(): void }

/** A kernel and a gate with no grants; its guests are forks of the image. */
export function makeBench(base: Image, limits: Partial<Limits> = {}): Bench {
  const all = { ...DEFAULT_LIMITS, memoryBytes: 32 * 2 ** 20, ...limits }
  const drivers = { mounts: [], environment: () => undefined, callTool: () => new Uint8Array(0) }
  const ledger = createLedger()
  const gate = createGate({ policy: openPolicy([], ledger), drivers, ledger, limits: all, now: () => Date.now() })
  const kernel = new Kernel({ port: gate.port, limits: all })
  const dispose = () => {
    kernel.dispose()
    gate.dispose()
  }
  return { context: { process: kernel.process, limits: all, base, count: gate.count }, kernel, gate, dispose }
}

export async function forkOn(engine: ExecutionEngine, image: Image, bench: Bench): Promise<Instance> {
  return engine.fork(image, bench.context)
}

/** One run to its end. */
export async function runOn(instance: Instance, bench: Bench, source: string, filename = '/t.js', timeoutMs = 5_000) {
  bench.kernel.process.begin()
  const leash = new RunLeash({ timeoutMs, fuel: Infinity })
  try {
    return await instance.run({ language: 'javascript', source, filename, program: false }, leash)
  } finally {
    leash.done()
    bench.kernel.process.end()
  }
}
