/** A component that sends bodies in pieces: how it is told what to do, and what it tells of it. */
import type { RunResult, SandboxOptions } from '../src/index.ts'
import type { Way } from './isolations.ts'

export type Upload = {
  /** Of the variant `method`: POST. */
  method?: number
  /** What it declares. */
  length?: string
  pieces?: number
  before?: number
  size?: number
  how?: number
  way?: Way
  host?: string
  component?: 'wasi' | 'wasi3'
  options?: Partial<SandboxOptions>
}

export type Uploaded = {
  outcome: 'answered' | 'failed' | 'let go' | 'refused' | undefined
  error: number | undefined
  status: number
  pieces: number
  /** The error of finish, or of the transmission; `failed` or `closed`: how its stream ended, and the error that it ended with. */
  finish: number | undefined
  ended: 'failed' | 'closed' | undefined
  endedWith: number | undefined
  body: string
  memoryBytes: number
  bytesWritten: number
  run: RunResult
}

const less = (byte: number | undefined): number | undefined => (byte ? byte - 1 : undefined)

/** What it answers in its bytes (wasi-2-upload-text.ts). */
export function readUploaded(run: RunResult): Uploaded {
  const bytes = run.value instanceof Uint8Array ? run.value : new Uint8Array(12)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const outcome = run.value === undefined ? undefined : bytes[0]
  return {
    outcome: outcome === undefined ? undefined : (['answered', 'failed', 'let go', 'refused'] as const)[outcome],
    error: outcome === 1 ? bytes[1] : undefined,
    status: view.getUint16(2, true),
    pieces: view.getUint32(4, true),
    finish: less(bytes[8]),
    ended: ([undefined, 'failed', 'closed'] as const)[bytes[9] ?? 0],
    endedWith: less(bytes[10]),
    body: new TextDecoder().decode(bytes.subarray(12)),
    memoryBytes: run.usage.memoryBytes,
    bytesWritten: run.usage.bytesWritten,
    run,
  }
}

const POST = 2

/** What the component is called with. */
export function argumentsOf(
  authority: string,
  path: string,
  { method = POST, length = '', pieces = 0, ...more }: Upload,
): unknown[] {
  const { before = 0, size = 0, how = 0 } = more
  return [authority, path, method, length, pieces, before, size, how]
}
