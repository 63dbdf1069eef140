/** A host function in, one that never throws out: what it throws is recorded and kills the guest instead. */
import type { ValueType } from './opcodes.ts'

/** The guest's life and who hears of faults. */
export type Guard = { dead: WebAssembly.Global<'i32'>; onFault: (error: unknown) => void }

/** Values of `dead` that the loader sets itself; the CVM's refusals are positive. */
export const Death = {
  alive: 0,
  /** The callout answered kill. */
  killed: -1,
  /** A host function threw. */
  fault: -2,
} as const

function zeroes(results: readonly ValueType[]): unknown {
  const values = results.map((type) => (type === 'i64' ? 0n : 0))
  return values.length > 1 ? values : values[0]
}

function recordFault({ dead, onFault }: Guard, error: unknown): void {
  if (dead.value === Death.alive) dead.value = Death.fault
  try {
    onFault(error)
  } catch {
    // The guest is dead already; a fault in the report of a fault has no better place to go.
  }
}

/**
 * Wraps a host function for linking. An exception that leaves an import can be caught by the guest (`catch_all`), so
 * none does: it is recorded, `dead` is set, zeroes are answered, and the border traps before the guest sees them.
 * @param results the import's result types
 */
export function guardImport<Args extends unknown[]>(
  call: (...args: Args) => unknown,
  results: readonly ValueType[],
  guard: Guard,
): (...args: Args) => unknown {
  const none = zeroes(results)
  return (...args) => {
    try {
      return call(...args)
    } catch (error) {
      recordFault(guard, error)
      return none
    }
  }
}

/** The same for an import that suspends the guest: a rejection is recorded like an exception. */
export function guardSuspending<Args extends unknown[]>(
  call: (...args: Args) => unknown,
  results: readonly ValueType[],
  guard: Guard,
): (...args: Args) => Promise<unknown> {
  const none = zeroes(results)
  return async (...args) => {
    try {
      return await call(...args)
    } catch (error) {
      recordFault(guard, error)
      return none
    }
  }
}
