/** Every limit of a run with its default, its unit and its reason; and the fixed bounds of the border. */
import { TokaError } from './errors.ts'

/** What a run may use. All counts are per run unless said otherwise. */
export type Limits = {
  /** Wall-clock time of a run, host calls included, in milliseconds. */
  timeoutMs: number
  /** Units of fuel (loop heads passed, and 64 bytes moved at once each, see `usage.metering`). `Infinity` leaves only the time limit. */
  fuel: number
  /** Bytes of the guest's heap. */
  memoryBytes: number
  /** Bytes kept of each of stdout and stderr; what comes after is dropped and `truncated` is set. */
  outputBytes: number
  /** Bytes in the sandbox's private files, over its life. */
  fileBytes: number
  /** Files and directories in the private tree, over its life. */
  fileNodes: number
  /** Open descriptors of a process at once. */
  descriptors: number
  /** Processes of a sandbox at once. */
  processes: number
  /** Host calls (calls that leave the sandbox, denied ones too). */
  hostCalls: number
  /** Host calls under way at once. */
  concurrentCalls: number
  /** Bytes of one structured argument or result of a host call. */
  structuredBytes: number
  /** Bytes of one flat (string or bytes) argument or result of a host call. */
  flatBytes: number
}

/** How a guest's fuel is measured: `exact` is the same number on every machine. */
export type Metering = 'fast' | 'exact'

const KiB = 2 ** 10
const MiB = 2 ** 20

/** The defaults for every language. */
export const DEFAULT_LIMITS: Readonly<Limits> = {
  timeoutMs: 30_000,
  fuel: Number.POSITIVE_INFINITY,
  memoryBytes: 256 * MiB,
  outputBytes: 1 * MiB,
  fileBytes: 64 * MiB,
  fileNodes: 10_000,
  descriptors: 256,
  processes: 64,
  hostCalls: 10_000,
  concurrentCalls: 256,
  structuredBytes: 128 * KiB,
  flatBytes: 4 * MiB,
}

/** What a language changes of them: QuickJS needs far less memory than an interpreter with a large library. */
export const LANGUAGE_LIMITS: Readonly<Record<string, Partial<Limits>>> = {
  javascript: { memoryBytes: 64 * MiB },
  typescript: { memoryBytes: 64 * MiB },
}

/** Limits with others put over them; one that is present and undefined changes nothing. */
export function overlaid<L extends object>(limits: L, by: { readonly [K in keyof L]?: L[K] | undefined } = {}): L {
  const given = Object.entries(by).filter(([, limit]) => limit !== undefined)
  return { ...limits, ...Object.fromEntries(given) }
}

/**
 * A sandbox's limits with a run's own put over them.
 * @throws TokaError TOKA_REQUEST_INVALID for one that is wider than the sandbox's
 */
export function narrowed(
  limits: Readonly<Limits>,
  by: { readonly [K in keyof Limits]?: Limits[K] | undefined } = {},
): Limits {
  const wider = (Object.keys(by) as (keyof Limits)[]).find((key) => (by[key] ?? 0) > limits[key])
  if (wider !== undefined)
    throw new TokaError(
      'TOKA_REQUEST_INVALID',
      `limits.${wider}: the sandbox was opened with ${limits[wider]}, and a run cannot have more (it asks for ${by[wider]})`,
    )
  return overlaid(limits, by)
}

/** The smallest memory that a language's image leaves room in. */
export const MINIMUM_MEMORY: Readonly<Record<string, number>> = {
  javascript: 8 * MiB,
  typescript: 8 * MiB,
  python: 64 * MiB,
}

/** Bytes of a source text, the largest. */
export const MOST_SOURCE_BYTES = 8 * MiB

/** Bytes of a module of the user's, the largest: validating 1 MiB keeps the thread for about 10 ms. */
export const MOST_MODULE_BYTES = 64 * MiB

/** Bounds of requests that guests make. */
export const NETWORK = {
  /** Redirects that are followed, as browsers do. */
  redirects: 20,
  /** Headers of a request, and their bytes; bytes of an answer's. */
  headers: 64,
  headerBytes: 16 * KiB,
  answerHeaderBytes: 64 * KiB,
  /** Milliseconds for a lookup, and for an answer's headers to come. */
  lookupMs: 10_000,
  answerMs: 30_000,
  /** Milliseconds without a byte of a body. */
  idleMs: 15_000,
  /** Bytes of a body, decompressed: what a guest's memory might hold. */
  bodyBytes: 64 * MiB,
  /** Bytes of a body that is sent in pieces: as many as come back. */
  sentBytes: 64 * MiB,
  /** Bytes of such a body where a runtime cannot send pieces (pages), and collects them. */
  collectedBytes: 4 * MiB,
  /** Requests of a sandbox at once, bodies that are still open among them; as browsers for a host. */
  concurrent: 6,
  /** Lookups of a sandbox at once, those that it has given up among them; as many as requests where more of those are allowed. */
  lookups: 64,
} as const

/** Fixed bounds of the border: every import has a worst case that no fuel sees, so each is small (measured in docs/engines.md). */
export const BORDER = {
  /** Bytes moved by one read or write; a short result is legal. */
  transferBytes: 256 * KiB,
  /** Bytes of a path before it is decoded (PATH_MAX of Linux). */
  pathBytes: 4_096,
  /** Bytes of one path component (NAME_MAX of Linux). */
  nameBytes: 255,
  /** Components of a path after resolution. */
  pathDepth: 128,
  /** Symbolic links followed in one resolution (ELOOP, as in Linux). */
  linkFollows: 40,
  /** I/O vectors of one call. */
  vectors: 1_024,
  /** Directory entries answered by one call. */
  directoryEntries: 1_024,
  /** Random bytes answered by one call. */
  randomBytes: 64 * KiB,
  /** Nodes (values of every kind) of one structured value. */
  valueNodes: 65_536,
  /** Depth of one structured value. */
  valueDepth: 128,
  /** Bytes of a run's result or input: they cross once a run, not once a call. */
  resultBytes: 16 * MiB,
  resultNodes: 1_000_000,
  /** Bytes of a source text. */
  sourceBytes: MOST_SOURCE_BYTES,
  /** Runs, forks and snapshots of a sandbox at once, waiting ones too: each holds its request. */
  turns: 1_024,
  /** Refused calls kept for the result; the rest is counted. */
  denials: 100,
} as const

/** What the packages of an image may unpack to: the largest pure wheels have some thousand files and some 20 MB. */
export const PACKAGES = {
  /** Bytes of all files. */
  bytes: 256 * MiB,
  /** Files of all packages. */
  files: 50_000,
  /** Bytes of a wheel, and of a lock. */
  wheelBytes: 256 * MiB,
  lockBytes: 16 * MiB,
} as const
