/** A component without a sandbox around it: prepared, forked against a real kernel and gate, called with WIT values. */
import { component } from '../engines/component/engine.ts'
import type { Exit, Instance } from '../src/engine.ts'
import type { ProcessRun } from '../src/kernel/process.ts'
import { decodeValue, encodeValue } from '../src/kernel/values.ts'
import type { Limits } from '../src/limits.ts'
import { sha256, toHex } from '../src/loader/hash.ts'
import type { Image } from '../src/loader/image.ts'
import { RunLeash } from '../src/sandbox/leash.ts'
import { ASSEMBLED } from './components/assembled.ts'
import { type Bench, makeBench, testIo } from './engine-bench.ts'

export type Ended = Omit<Exit, 'value'> & { value?: unknown; fuel: number; elapsedMs: number }

const LIMITS = { structuredBytes: 2 ** 24, flatBytes: 2 ** 24, nodes: 2 ** 20 }
const MEMORY = 2 ** 25

/** The bytes of a component of test/components. */
export function assembled(name: keyof typeof ASSEMBLED): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(ASSEMBLED[name]), (character) => character.charCodeAt(0))
}

export class ComponentBench {
  readonly bench: Bench
  readonly image: Image
  #instance: Instance

  private constructor(image: Image, bench: Bench, instance: Instance) {
    this.image = image
    this.bench = bench
    this.#instance = instance
  }

  static async open(bytes: Uint8Array<ArrayBuffer>, limits: Partial<Limits> = {}): Promise<ComponentBench> {
    const memoryBytes = limits.memoryBytes ?? MEMORY
    const hash = toHex(await sha256(bytes))
    const image = await component.prepare(testIo, { bytes, sha256: hash, memoryBytes, metering: 'fast' })
    return ComponentBench.#start(image, image, limits)
  }

  static async #start(image: Image, base: Image, limits: Partial<Limits>): Promise<ComponentBench> {
    const bench = makeBench(base, { memoryBytes: MEMORY, ...limits })
    return new ComponentBench(image, bench, await component.fork(image, bench.context))
  }

  /** Another one that goes on from where this one is. */
  async fork(): Promise<ComponentBench> {
    return ComponentBench.#start(this.#instance.snapshot(), this.image, {})
  }

  get memoryBytes(): number {
    return this.#instance.memoryBytes()
  }

  async call(name: string, ...args: unknown[]): Promise<Ended> {
    return this.#run({ call: { name, args: encodeValue(args, LIMITS) } }, {}, 2_000)
  }

  /** One that is ended after a time, in milliseconds. */
  async callFor(timeoutMs: number, name: string, ...args: unknown[]): Promise<Ended> {
    return this.#run({ call: { name, args: encodeValue(args, LIMITS) } }, {}, timeoutMs)
  }

  async command(run: ProcessRun = {}): Promise<Ended> {
    return this.#run({}, run, 5_000)
  }

  /** The value of a call that must succeed. */
  async value(name: string, ...args: unknown[]): Promise<unknown> {
    const ended = await this.call(name, ...args)
    if (ended.error || ended.stopped) throw new Error(`${name}: ${ended.stopped ?? ended.error?.message}`)
    return ended.value
  }

  dispose(): void {
    this.#instance.dispose()
    this.bench.dispose()
  }

  async #run(
    command: { call?: { name: string; args: Uint8Array } },
    run: ProcessRun,
    timeoutMs: number,
  ): Promise<Ended> {
    this.bench.kernel.process.begin(run)
    const leash = new RunLeash({ timeoutMs, fuel: Infinity })
    const begun = performance.now()
    try {
      const { value, ...exit } = await this.#instance.run(
        { language: 'wasm', source: '', filename: '/tool/main.wasm', program: true, ...command },
        leash,
      )
      const elapsedMs = performance.now() - begun
      if (exit.lost) {
        this.#instance.dispose()
        this.#instance = await component.fork(this.image, this.bench.context)
      }
      return { ...exit, ...(value ? { value: decodeValue(value, LIMITS) } : {}), fuel: leash.used, elapsedMs }
    } finally {
      leash.done()
      this.bench.kernel.process.end()
    }
  }
}
