/** The host calls that belong to this engine: the guest's prelude and bridge make them, no policy is involved. */
import { Operation } from '../../src/kernel/operations.ts'

const first = Operation.EngineFirst

/** Argument -> result, as in `src/kernel/operations.ts`. */
export const EngineOperation = {
  /** empty -> value: { source, filename, kind: 'notebook' | 'script', language, input?: bytes of an encoded value, args }. */
  Command: first,
  /** encoded result value -> empty. */
  Finish: first + 1,
  /** value: { kind: 'syntax' | 'error' | 'value' | 'memory', name, message, traceback, code? } -> empty. */
  Fail: first + 2,
  /** u32 exit code -> empty. The run ends after it. */
  Exit: first + 3,
  /** text: the exception of a prelude that could not go on -> empty. */
  Fault: first + 4,
  /** empty -> empty: that exception was a MemoryError, or there was no room to say what it was. */
  MemoryFull: first + 5,
  /** empty -> empty: it was a RecursionError. */
  StackFull: first + 6,
} as const

/** What the border counts for the bridge's and the interpreter's own imports: they answer inside the sandbox. */
export const BorderOperation = {
  Call: 200,
  Begin: 201,
  Wait: 202,
  Take: 203,
  Next: 204,
  Now: 205,
  Idle: 206,
  Seed: 207,
  Interpreter: 210,
} as const
