/** Colours for a terminal, and plain text for everything else. */

const CODES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] } as const

export type Paint = (style: keyof typeof CODES, text: string) => string

export const plain: Paint = (_style, text) => text

const coloured: Paint = (style, text) => `\u001b[${CODES[style][0]}m${text}\u001b[${CODES[style][1]}m`

/** Colours on a terminal, unless NO_COLOR is set (no-color.org). */
export function paintFor(stream: { isTTY?: boolean }, environment: Record<string, string | undefined>): Paint {
  return stream.isTTY && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb' ? coloured : plain
}

/** `812 ms`, `1.25 s`. */
export function formatMs(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`
}

/** `812 bytes`, `3.1 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`
  return bytes < 1e6 ? `${Math.round(bytes / 1_000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}
