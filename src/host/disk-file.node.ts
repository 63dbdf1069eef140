/** An open file or directory of a host directory: offsets in, bytes out, by the descriptor that was checked. */
import { closeSync, fstatSync, fsyncSync, ftruncateSync, futimesSync, readSync, writeSync } from 'node:fs'
import { errno } from '../kernel/errno.ts'
import type { FileStat, HostFile, OpenIntent } from '../kernel/host-port.ts'
import { onDisk } from './disk-errors.node.ts'
import { type DiskStats, toSeconds } from './disk-stats.node.ts'

export class DiskFile implements HostFile {
  readonly kind: HostFile['kind']
  /** -1 once closed: the host may have given the number to somebody else. */
  #fd: number
  readonly #intent: Readonly<OpenIntent>
  readonly #stats: DiskStats

  constructor(fd: number, intent: Readonly<OpenIntent>, stats: DiskStats, kind: HostFile['kind']) {
    this.kind = kind
    this.#fd = fd
    this.#intent = intent
    this.#stats = stats
  }

  read(offset: number, length: number): Uint8Array {
    const fd = this.#open(this.#intent.read)
    const bytes = new Uint8Array(length)
    const count = onDisk(() => readSync(fd, bytes, 0, length, offset))
    return count === length ? bytes : bytes.slice(0, count)
  }

  /** Opened with `append` the bytes go to the end, whatever the offset. May write less than all. */
  write(offset: number, bytes: Uint8Array): number {
    const fd = this.#open(this.#intent.write)
    return onDisk(() => writeSync(fd, bytes, 0, bytes.length, this.#intent.append ? null : offset))
  }

  stat(): FileStat {
    const fd = this.#open(true)
    return onDisk(() => this.#stats.of(fstatSync(fd, { bigint: true })))
  }

  truncate(size: number): void {
    const fd = this.#open(this.#intent.write)
    onDisk(() => ftruncateSync(fd, size))
  }

  sync(): void {
    const fd = this.#open(true)
    onDisk(() => fsyncSync(fd))
  }

  setTimes(accessedMs: number, modifiedMs: number): void {
    const fd = this.#open(true)
    onDisk(() => futimesSync(fd, toSeconds(accessedMs), toSeconds(modifiedMs)))
  }

  close(): void {
    const fd = this.#open(true)
    this.#fd = -1
    onDisk(() => closeSync(fd))
  }

  #open(allowed: boolean): number {
    if (this.#fd < 0 || !allowed) throw errno('EBADF')
    return this.#fd
  }
}
