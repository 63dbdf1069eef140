/** Texts of options in, numbers in base units out: durations, sizes, counts. */
import { UsageError } from './usage-error.ts'

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }
const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
}

function scaled(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text)
  const unit = units[match?.[2] ?? 'none']
  if (!match || unit === undefined) return undefined
  const amount = Math.round(Number(match[1]) * unit)
  return Number.isSafeInteger(amount) && amount > 0 ? amount : undefined
}

/**
 * @param option the option's name, for the message
 * @returns milliseconds
 * @throws UsageError when the text is no duration above zero
 */
export function parseDuration(option: string, text: string): number {
  const amount = scaled(text, MILLISECONDS)
  if (amount === undefined)
    throw new UsageError(`${option} ${JSON.stringify(text)}: expected a duration such as 500ms, 2s or 1m`)
  return amount
}

/**
 * @returns bytes
 * @throws UsageError when the text is no size above zero
 */
export function parseSize(option: string, text: string): number {
  const amount = scaled(text, BYTES)
  if (amount === undefined)
    throw new UsageError(`${option} ${JSON.stringify(text)}: expected a size such as 64MiB, 1MB or 1048576`)
  return amount
}

/** @throws UsageError when the text is no whole number above zero */
export function parseCount(option: string, text: string): number {
  const amount = scaled(text, { '': 1 })
  if (amount === undefined || !/^\d+$/.test(text)) {
    throw new UsageError(`${option} ${JSON.stringify(text)}: expected a whole number above zero`)
  }
  return amount
}

/** A duration for people: `12 ms`, `1.25 s`. */
export function formatDuration(ms: number): string {
  if (ms < 1) return `${ms.toFixed(2)} ms`
  if (ms < 1_000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
  return ms < 60_000 ? `${Number((ms / 1_000).toFixed(2))} s` : `${Number((ms / 60_000).toFixed(1))} m`
}

/** A size for people: `812 B`, `1.5 MiB`. */
export function formatSize(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const) {
    const size = BYTES[unit] as number
    if (bytes >= size) return `${Number((bytes / size).toFixed(1))} ${unit}`
  }
  return `${bytes} B`
}
