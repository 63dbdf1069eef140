/** Whether this runtime can suspend a guest's stack (JSPI), found by doing it once; and the one place that names its API. */

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

/**
 * A module whose export `run` calls its import `e.wait`, both () -> i32, section by section. As bytes: a page loads this
 * file before anything of the loader's.
 */
const PROBE = new Uint8Array([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7f], // type 0: () -> i32
  ...[0x02, 0x0a, 0x01, 0x01, 0x65, 0x04, 0x77, 0x61, 0x69, 0x74, 0x00, 0x00], // import "e" "wait": a function of type 0
  ...[0x03, 0x02, 0x01, 0x00], // function 1, of type 0
  ...[0x07, 0x07, 0x01, 0x03, 0x72, 0x75, 0x6e, 0x00, 0x01], // export "run": function 1
  ...[0x0a, 0x06, 0x01, 0x04, 0x00, 0x10, 0x00, 0x0b], // its body: call 0
])

async function runProbe(api: Suspension): Promise<boolean> {
  const wait = api.suspending(async () => {
    await Promise.resolve()
    return PROBE_ANSWER
  })
  const instance = new WebAssembly.Instance(new WebAssembly.Module(PROBE), { e: { wait } })
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
