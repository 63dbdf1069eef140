/** Whether this runtime can suspend a guest's stack (JSPI), found by doing it once; and the one place that names its API. */
import { Op } from './opcodes.ts'
import { SectionId } from './sections.ts'
import { PREAMBLE, Writer } from './writer.ts'

/** What JSPI gives; TypeScript's library does not declare it yet (WebAssembly JavaScript Promise Integration, phase 4). */
export type Suspension = {
  /** Makes an import that suspends the guest until its promise settles. */
  suspending(call: (...args: never[]) => Promise<unknown>): WebAssembly.ImportValue
  /** Makes an export that may be suspended: it answers a promise. Only wasm frames may lie between it and the import. */
  promising<Args extends unknown[], Result>(
    call: (...args: Args) => Result,
  ): (...args: Args) => Promise<Awaited<Result>>
}

type PromiseIntegration = {
  Suspending?: new (call: unknown) => WebAssembly.ImportValue
  promising?: (call: unknown) => (...args: never[]) => Promise<unknown>
}

/** The probe waits for a promise that nobody settles earlier: a runtime that does not suspend answers at once. */
const PROBE_ANSWER = 7

function readApi(): Suspension | undefined {
  const { Suspending, promising } = WebAssembly as PromiseIntegration
  if (typeof Suspending !== 'function' || typeof promising !== 'function') return undefined
  return {
    suspending: (call) => new Suspending(call),
    promising: (call) => promising(call) as never,
  }
}

/** A module whose export `run` calls its import `e.wait`, both () -> i32. */
function probeModule(): Uint8Array<ArrayBuffer> {
  const vector = (...items: number[]) => new Writer().raw([1, ...items])
  const body = new Writer().byte(0).byte(Op.call).u32(0).byte(Op.end)
  return new Writer()
    .raw(PREAMBLE)
    .section(SectionId.type, vector(0x60, 0, 1, 0x7f))
    .section(SectionId.import, new Writer().u32(1).name('e').name('wait').byte(0).u32(0))
    .section(SectionId.function, vector(0))
    .section(SectionId.export, new Writer().u32(1).name('run').byte(0).u32(1))
    .section(SectionId.code, new Writer().u32(1).sized(body))
    .finish()
}

async function runProbe(api: Suspension): Promise<boolean> {
  const wait = api.suspending(async () => {
    await Promise.resolve()
    return PROBE_ANSWER
  })
  const instance = new WebAssembly.Instance(new WebAssembly.Module(probeModule()), { e: { wait } })
  return (await api.promising(instance.exports.run as () => number)()) === PROBE_ANSWER
}

async function probe(): Promise<Suspension | undefined> {
  const api = readApi()
  if (!api) return undefined
  try {
    return (await runProbe(api)) ? api : undefined
  } catch {
    return undefined
  }
}

let probed: Promise<Suspension | undefined> | undefined
let enabled = true

/** JSPI if this runtime has it and it is not switched off. The probe runs once a process. */
export async function findSuspension(): Promise<Suspension | undefined> {
  probed ??= probe()
  const api = await probed
  return enabled ? api : undefined
}

/** Whether a guest can be suspended here. */
export async function canSuspend(): Promise<boolean> {
  return (await findSuspension()) !== undefined
}

/** Switches suspension off or on again, so that both ways are tested on one runtime. What is linked already stays as it is. */
export function allowSuspension(allowed: boolean): void {
  enabled = allowed
}
