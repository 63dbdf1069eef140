/** The host calls that belong to this engine: the guest's prelude and bridge make them, no policy is involved. */
import { Operation } from '../../src/kernel/operations.ts'

const first = Operation.EngineFirst

/** Argument -> result, as in `src/kernel/operations.ts`. */
export const EngineOperation = {
  /** empty -> text, or bytes: a source of the prelude to compile, then its core's bytecode to boot. At image build only. */
  Boot: first,
  /** empty -> value: { source, filename, kind: 'script' | 'module' | 'auto', input?: bytes of an encoded value }. */
  Command: first + 1,
  /** encoded result value -> empty. */
  Finish: first + 2,
  /** value: { kind: 'syntax' | 'error' | 'value', name, message, stack?, code? } -> empty. */
  Fail: first + 3,
  /** u32 exit code -> never returns. */
  Exit: first + 4,
  /** text: the exception of a prelude that could not go on -> empty. */
  Fault: first + 5,
  /** value: [importer, specifier] -> text: the canonical path of the module in the sandbox. */
  ModuleResolve: first + 6,
  /** text path -> text: JavaScript source. */
  ModuleLoad: first + 7,
  /** bytes: the bytecode -> empty. At image build only. */
  Compiled: first + 8,
  /** u32 number of a part of the prelude -> bytes: its bytecode. */
  Part: first + 9,
} as const

/** What the border counts for the bridge's and the interpreter's own imports: they answer inside the sandbox. */
export const BorderOperation = {
  Call: 200,
  Begin: 201,
  Wait: 202,
  Take: 203,
  Next: 204,
  Now: 205,
  Interpreter: 210,
} as const
