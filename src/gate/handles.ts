/** An open file of a driver in, the same file out with every call checked against the rights it was opened with. */
import { HandleRight } from '../../capabilities/isa.ts'
import type { FileStat, HostFile, MaybePromise } from '../kernel/host-port.ts'
import { BORDER } from '../limits.ts'
import { accessError, type Calls, type Permit } from './calls.ts'
import { mapMaybe } from './maybe.ts'

/** Bytes that calls of a gate moved. */
export type Traffic = { bytesRead: number; bytesWritten: number }

/** What a gated file needs. */
export type GatedFileParts = {
  calls: Calls
  file: HostFile
  /** Canonical path, for the records. */
  path: string
  /** Number that the CVM knows the open file by. */
  handle: number
  traffic: Traffic
  /** Called once, when the file is closed. */
  closed: (file: GatedFile) => void
}

/** A whole, not negative number of bytes within a bound. */
function bounded(value: number, most: number): number {
  return Number.isFinite(value) ? Math.min(Math.max(Math.trunc(value), 0), most) : 0
}

export class GatedFile implements HostFile {
  readonly #parts: GatedFileParts
  #open = true

  constructor(parts: GatedFileParts) {
    this.#parts = parts
  }

  #ask(right: number, want = 0, least = 0): Permit {
    const { calls, path, handle } = this.#parts
    const operation = right === HandleRight.WRITE ? 'fs.write' : 'fs.read'
    const permit = calls.askHandle(operation, path, handle, right, want, least)
    if (!permit) throw accessError()
    return permit
  }

  read(offset: number, length: number): MaybePromise<Uint8Array> {
    const { calls, file, traffic } = this.#parts
    const want = bounded(length, BORDER.transferBytes)
    const permit = this.#ask(HandleRight.READ, want)
    const at = bounded(offset, Number.MAX_SAFE_INTEGER)
    if (want > 0 && permit.amount === 0) return this.#readNothing(permit, at, want)
    return calls.perform({
      permits: [permit],
      act: () => mapMaybe(file.read(at, permit.amount), (bytes) => bytes.subarray(0, permit.amount)),
      moved: (bytes) => {
        traffic.bytesRead += bytes?.length ?? 0
        return bytes?.length ?? 0
      },
    })
  }

  /** The byte quota is spent: the end of the file may still be told, anything before it is refused. */
  #readNothing(permit: Permit, offset: number, want: number): MaybePromise<Uint8Array> {
    const { calls, file } = this.#parts
    const size = calls.perform({ permits: [permit], act: () => file.stat() })
    return mapMaybe(size, (stat) => {
      if (offset < stat.size) {
        calls.cancel(this.#ask(HandleRight.READ, want, 1))
        throw accessError()
      }
      return new Uint8Array(0)
    })
  }

  write(offset: number, bytes: Uint8Array): MaybePromise<number> {
    const { calls, file, traffic } = this.#parts
    const want = Math.min(bytes.length, BORDER.transferBytes)
    const permit = this.#ask(HandleRight.WRITE, want, Math.min(want, 1))
    return calls.perform({
      permits: [permit],
      act: () =>
        mapMaybe(file.write(bounded(offset, Number.MAX_SAFE_INTEGER), bytes.subarray(0, permit.amount)), (written) =>
          bounded(written, permit.amount),
        ),
      // A write that failed may have written: it stays charged.
      moved: (written) => {
        traffic.bytesWritten += written ?? 0
        return written ?? permit.amount
      },
    })
  }

  stat(): MaybePromise<FileStat> {
    const permit = this.#ask(HandleRight.EITHER)
    return this.#parts.calls.perform({ permits: [permit], act: () => this.#parts.file.stat() })
  }

  truncate(size: number): MaybePromise<void> {
    const permit = this.#ask(HandleRight.WRITE)
    return this.#parts.calls.perform({
      permits: [permit],
      act: () => this.#parts.file.truncate(bounded(size, Number.MAX_SAFE_INTEGER)),
    })
  }

  sync(): MaybePromise<void> {
    const permit = this.#ask(HandleRight.EITHER)
    return this.#parts.calls.perform({ permits: [permit], act: () => this.#parts.file.sync() })
  }

  get kind(): HostFile['kind'] {
    return this.#parts.file.kind
  }

  setTimes(accessedMs: number, modifiedMs: number): MaybePromise<void> {
    const permit = this.#ask(HandleRight.WRITE)
    return this.#parts.calls.perform({
      permits: [permit],
      act: () => this.#parts.file.setTimes(accessedMs, modifiedMs),
    })
  }

  /** Closing is never refused: it gives up a power. */
  close(): MaybePromise<void> {
    if (!this.#open) return
    this.#open = false
    const { calls, handle, file, closed } = this.#parts
    calls.cvm.exports.closeHandle(handle)
    closed(this)
    return calls.perform({ permits: [], act: () => file.close() })
  }
}
