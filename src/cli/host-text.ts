/** A host file or stream in, its text out, never more than a source may have: what cannot be used is bad usage. */
import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { MOST_SOURCE_BYTES } from '../index.ts'
import { UsageError } from './usage-error.ts'

/** Adds chunks up to the limit: a stream that never ends is not read to its end. */
async function readBounded(what: string, stream: Readable): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let total = 0
  for await (const chunk of stream) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array)
    total += bytes.length
    if (total > MOST_SOURCE_BYTES) throw tooLarge(what)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks)
}

function tooLarge(what: string, bytes?: number): UsageError {
  const size = bytes === undefined ? 'is larger than' : `is ${bytes.toLocaleString('en')} bytes; the most is`
  return new UsageError(`${what} ${size} ${MOST_SOURCE_BYTES.toLocaleString('en')} bytes`)
}

function decode(what: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new UsageError(`${what}: expected text in UTF-8`)
  }
}

/** @throws UsageError */
export async function readStream(what: string, stream: Readable): Promise<string> {
  return decode(what, await readBounded(what, stream))
}

/**
 * @param option what named the file, for the message
 * @throws UsageError
 */
export async function readText(option: string, path: string): Promise<string> {
  const what = `${option} ${JSON.stringify(path)}`
  let bytes: Uint8Array
  try {
    const file = await open(path)
    try {
      const { size } = await file.stat()
      if (size > MOST_SOURCE_BYTES) throw tooLarge(what, size)
      bytes = await readBounded(what, file.createReadStream({ autoClose: false }))
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${what}: ${reasonOf(error)}`)
  }
  return decode(what, bytes)
}

/** Why a file cannot be used, without Node's own wording where there is a plainer one. */
export function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOENT') return 'no such file'
  if (code === 'EISDIR') return 'it is a directory, expected a file'
  if (code === 'EACCES' || code === 'EPERM') return 'no permission to read it'
  return error instanceof Error ? error.message : String(error)
}
