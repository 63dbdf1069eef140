/** A host file or stream in, its text out, never more than a source may have: what cannot be used is bad usage. */
import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { MOST_MODULE_BYTES, MOST_SOURCE_BYTES } from '../index.ts'
import { UsageError } from './usage-error.ts'

/** Adds chunks up to the limit: a stream that never ends is not read to its end. */
async function readBounded(what: string, stream: Readable, most = MOST_SOURCE_BYTES): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let total = 0
  for await (const chunk of stream) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array)
    total += bytes.length
    if (total > most) throw tooLarge(what, undefined, most)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks)
}

function tooLarge(what: string, bytes?: number, most = MOST_SOURCE_BYTES): UsageError {
  const size = bytes === undefined ? 'is larger than' : `is ${bytes.toLocaleString('en')} bytes; the most is`
  return new UsageError(`${what} ${size} ${most.toLocaleString('en')} bytes`)
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

/** The bytes of a host file. */
async function readHostFile(what: string, path: string, most: number): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const file = await open(path)
    try {
      const { size } = await file.stat()
      if (size > most) throw tooLarge(what, size, most)
      return new Uint8Array(await readBounded(what, file.createReadStream({ autoClose: false }), most))
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${what}: ${reasonOf(error)}`)
  }
}

/**
 * @param option what named the file, for the message
 * @throws UsageError
 */
export async function readText(option: string, path: string): Promise<string> {
  const what = `${option} ${JSON.stringify(path)}`
  return decode(what, await readHostFile(what, path, MOST_SOURCE_BYTES))
}

/**
 * The bytes of a module, `-` for stdin's.
 * @throws UsageError
 */
export async function readModule(option: string, path: string, stdin: Readable): Promise<Uint8Array<ArrayBuffer>> {
  if (path === '-') return new Uint8Array(await readBounded('the module from stdin', stdin, MOST_MODULE_BYTES))
  return readHostFile(`${option} ${JSON.stringify(path)}`, path, MOST_MODULE_BYTES)
}

/** Why a file cannot be used, without Node's own wording where there is a plainer one. */
export function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOENT') return 'no such file'
  if (code === 'EISDIR') return 'it is a directory, expected a file'
  if (code === 'EACCES' || code === 'EPERM') return 'no permission to read it'
  return error instanceof Error ? error.message : String(error)
}
