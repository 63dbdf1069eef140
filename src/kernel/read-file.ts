/** A whole file of the sandbox, through the process's own calls: private files and granted mounts alike. */
import { BORDER } from '../limits.ts'
import { GuestFacingError, type MaybePromise } from './host-port.ts'
import { OpenBit, Operation } from './operations.ts'
import type { Process } from './process.ts'
import { chain } from './steps.ts'

const utf8 = new TextEncoder()

function openArgument(path: string): Uint8Array {
  const name = utf8.encode(path)
  const argument = new Uint8Array(4 + name.length)
  argument[0] = OpenBit.read
  argument.set(name, 4)
  return argument
}

function readArgument(fd: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(16))
  view.setUint32(0, fd, true)
  view.setUint32(4, BORDER.transferBytes, true)
  view.setFloat64(8, -1, true)
  return new Uint8Array(view.buffer)
}

function join(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}

/**
 * @param limit most bytes; a larger file is refused
 * @throws GuestFacingError as PathOpen and FdRead do, or TOKA_VALUE_SIZE
 */
export function readFile(process: Process, path: string, limit: number): MaybePromise<Uint8Array> {
  return chain(process.call(Operation.PathOpen, openArgument(path)), (opened) => {
    const fd = new DataView(opened.buffer, opened.byteOffset).getUint32(0, true)
    const argument = readArgument(fd)
    const chunks: Uint8Array[] = []
    let total = 0
    const next = (): MaybePromise<Uint8Array> =>
      chain(process.call(Operation.FdRead, argument), (chunk) => {
        total += chunk.length
        if (total > limit) throw new GuestFacingError('TOKA_VALUE_SIZE', `${path} is larger than ${limit} bytes`)
        if (chunk.length === 0) return join(chunks, total)
        chunks.push(chunk)
        return next()
      })
    const close = (): void => {
      void process.call(Operation.FdClose, opened.slice(0, 4))
    }
    try {
      const bytes = next()
      if (bytes instanceof Promise) return bytes.finally(close)
      close()
      return bytes
    } catch (error) {
      close()
      throw error
    }
  })
}
