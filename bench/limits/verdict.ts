/** What was measured of a guest goes in, a verdict comes out; the thresholds are the same for every sandbox. */
import { type Guest, OUTPUT_BYTES } from './guest.ts'
import type { Measured } from './measured.ts'

const MiB = 2 ** 20

/** A run that ends later than this after its deadline is late: the start of a sandbox counts too, as its caller waits for it. */
export const LATE_MS = 50
/** An event loop that stands still for longer than this has been frozen. */
export const FROZEN_MS = 50
/** Growth beyond the limit that is laid to the host, in bytes: its own objects, its compiler, a thread. */
export const HOST_BYTES = 32 * MiB

/** How long past its deadline a guest is watched, in milliseconds. */
export const GRACE_MS = 3_000
/** A process that grows to this is ended, in bytes. */
export const HARD_MEMORY = 2 * 2 ** 30

/** From the worst to the best; what stands before `froze` is red. */
export const MARKS = [
  'escaped',
  'crashed',
  'killed',
  'failed',
  'broken',
  'late',
  'memory',
  'output',
  'leaked',
  'froze',
  'refused',
  'absent',
  'held',
] as const
export type Mark = (typeof MARKS)[number]

/** A mark, and the words of a table's cell, worst first. */
export type Verdict = { mark: Mark; text: string }

export const isRed = (mark: Mark): boolean => MARKS.indexOf(mark) < MARKS.indexOf('froze')

/** The most that the process may grow by while a guest runs, in bytes. */
export const memoryAllowed = ({ memoryBytes }: Guest): number => memoryBytes * 1.1 + HOST_BYTES

/** Judges one cell. */
export function judge(guest: Guest, measured: Measured): Verdict {
  const findings = [...findingsOf(guest, measured)].sort((a, b) => MARKS.indexOf(a.mark) - MARKS.indexOf(b.mark))
  const worst = findings[0]
  if (worst) return { mark: worst.mark, text: findings.map(({ text }) => text).join(', ') }
  const late = Math.max(0, (measured.report?.wallMs ?? 0) - guest.timeoutMs)
  return { mark: 'held', text: late > 0 ? `held +${duration(late)}` : 'held' }
}

/** The better of two verdicts. */
export const better = (a: Verdict, b: Verdict): Verdict => (MARKS.indexOf(b.mark) > MARKS.indexOf(a.mark) ? b : a)

/** True where another try on a quieter machine may say otherwise: little over a threshold. */
export function isClose({ mark }: Verdict, guest: Guest, { grownBytes, report, killed }: Measured): boolean {
  if (killed || !report || !['late', 'memory', 'froze'].includes(mark)) return false
  const { wallMs, frozenMs } = report
  return (
    wallMs - guest.timeoutMs < 4 * LATE_MS && frozenMs < 4 * FROZEN_MS && grownBytes < memoryAllowed(guest) + HOST_BYTES
  )
}

function* findingsOf(guest: Guest, measured: Measured): Generator<Verdict> {
  const { grownBytes, killed, crashed, unavailable, report } = measured
  if (unavailable !== undefined) return yield { mark: 'failed', text: `failed: ${unavailable}` }
  if (crashed !== undefined) yield { mark: 'crashed', text: `crashed: ${crashed}` }
  if (killed?.for === 'time') yield { mark: 'killed', text: `ran on ${duration(killed.afterMs)}` }
  if (killed?.for === 'memory') yield { mark: 'killed', text: `took ${size(grownBytes)}` }
  if (killed && killed.frozenMs > FROZEN_MS) yield { mark: 'froze', text: 'frozen' }
  const isOver = grownBytes > memoryAllowed(guest) && killed?.for !== 'memory'
  if (isOver) yield { mark: 'memory', text: `${size(grownBytes)} of ${size(guest.memoryBytes)}` }
  if (report) yield* findingsInReport(guest, report)
}

function* findingsInReport(guest: Guest, report: NonNullable<Measured['report']>): Generator<Verdict> {
  const { ending, wallMs, frozenMs, escapes, leaks, broken, outputBytes } = report
  if (ending.by === 'refused') yield { mark: 'refused', text: 'refused' }
  else if (guest.family === 'control' && !ending.detail.startsWith('sum 42'))
    yield { mark: 'failed', text: ending.detail }
  if (escapes.length > 0) yield { mark: 'escaped', text: `escaped: ${escapes.slice(0, 2).join('; ')}` }
  if (broken !== undefined) yield { mark: 'broken', text: `broken afterwards: ${broken}` }
  const late = wallMs - guest.timeoutMs
  if (late > LATE_MS) yield { mark: 'late', text: `late +${duration(late)}` }
  if (outputBytes > 2 * OUTPUT_BYTES * 1.1) yield { mark: 'output', text: `kept ${size(outputBytes)}` }
  if (leaks.length > 0) yield { mark: 'leaked', text: leaks.join('; ') }
  if (frozenMs > FROZEN_MS) yield { mark: 'froze', text: `froze ${duration(frozenMs)}` }
}

/** Milliseconds as a person reads them. */
export const duration = (ms: number): string => (ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`)

/** Bytes as a person reads them. */
export const size = (bytes: number): string =>
  bytes < 1_000 * MiB ? `${Math.round(bytes / MiB)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`
