/** What a hostile guest is, and what every sandbox of the suite must make of it. */

/** The families, in the order of the report. */
export const FAMILIES = ['control', 'time', 'memory', 'stack', 'output', 'calls', 'host', 'files'] as const
export type Family = (typeof FAMILIES)[number]

/** What guests are written in; a sandbox is for one of them. */
export const LANGUAGES = ['javascript', 'wasm'] as const
export type Language = (typeof LANGUAGES)[number]

type Common = {
  /** Short, unique, for `--only`. */
  name: string
  family: Family
  /** What it attacks, for a reader. */
  attack: string
  /** Milliseconds. Bombs get longer than loops, so that memory runs out before time does. */
  timeoutMs: number
  /** Bytes. */
  memoryBytes: number
  /** Part of `--quick`. */
  quick?: true
}

export type ScriptGuest = Common & {
  language: 'javascript'
  /**
   * The body of a function. It may `return`, and it finds `call(request)`, the host's function. Where a sandbox has a
   * console, `console`.
   */
  source: string
  /** Uses `await`: the body of an async function. */
  waits?: true
  /** Needs a console. */
  prints?: true
}

/** Where a module may be told to look: its directory lies in this one, beside a file with the secret. */
export type Surroundings = { outside: string }

export type ModuleGuest = Common & {
  language: 'wasm'
  /** The binary of a WASI preview 1 command. */
  module: (surroundings: Surroundings) => Uint8Array<ArrayBuffer>
}

export type Guest = ScriptGuest | ModuleGuest

const MiB = 2 ** 20
export const OUTPUT_BYTES = 1 * MiB

/** What a family of guests has in common. */
const DEFAULTS: Record<Family, { timeoutMs: number; memoryBytes: number }> = {
  control: { timeoutMs: 5_000, memoryBytes: 64 * MiB },
  time: { timeoutMs: 250, memoryBytes: 128 * MiB },
  memory: { timeoutMs: 2_000, memoryBytes: 32 * MiB },
  stack: { timeoutMs: 1_000, memoryBytes: 64 * MiB },
  output: { timeoutMs: 500, memoryBytes: 64 * MiB },
  calls: { timeoutMs: 500, memoryBytes: 64 * MiB },
  host: { timeoutMs: 250, memoryBytes: 64 * MiB },
  files: { timeoutMs: 1_000, memoryBytes: 64 * MiB },
}

type Entry = [attack: string, source: string, extra?: Partial<Pick<ScriptGuest, 'prints' | 'quick' | 'timeoutMs'>>]

/** Guests of one family, by name; whether one waits is seen from its source. */
export function family(of: Family, entries: Record<string, Entry>): ScriptGuest[] {
  return Object.entries(entries).map(([name, [attack, source, extra]]) => ({
    language: 'javascript',
    name,
    family: of,
    attack,
    source,
    ...(/\bawait\b/.test(source) ? { waits: true as const } : {}),
    ...DEFAULTS[of],
    ...extra,
  }))
}

type ModuleEntry = [attack: string, module: ModuleGuest['module'], extra?: { quick: true }]

/** Modules of one family, by name. */
export function moduleFamily(of: Family, entries: Record<string, ModuleEntry>): ModuleGuest[] {
  return Object.entries(entries).map(([name, [attack, module, extra]]) => ({
    language: 'wasm',
    name,
    family: of,
    attack,
    module,
    ...DEFAULTS[of],
    ...extra,
  }))
}

/** What "held" means in each family, besides that the process lives, its memory stays bounded and a next run works. */
export const HELD: Record<Family, string> = {
  control: 'the harmless guest has its value, and what it asked its host for',
  time: 'the run is over at its deadline',
  memory: 'the process grows by no more than the limit and the allowance for the host',
  stack: 'an error or a limit, and the process lives',
  output: 'what is kept is bounded, and so are time and memory',
  calls: 'time and memory of the host stay bounded, whatever is passed to its function',
  host: "the guest finds none of the host's globals, changes none of them, and does not run on after its end",
  files: 'nothing above the directory that the guest was given is read or changed',
}
