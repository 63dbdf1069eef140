/** The descriptors of one process: small numbers for open files, the lowest free one first, never more than the limit. */
import { errno } from './errno.ts'
import type { MaybePromise } from './host-port.ts'
import type { OpenFile } from './open-file.ts'

export class DescriptorTable {
  readonly #files: (OpenFile | undefined)[] = []
  readonly #limit: number
  /** Files that have had several numbers. */
  readonly #shared = new WeakSet<OpenFile>()
  #open = 0

  /** @param limit descriptors open at once (`limits.descriptors`) */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** How many are open. */
  get open(): number {
    return this.#open
  }

  /** Fails with EMFILE when no number is left: ask before something is opened that cannot be undone. */
  reserve(): void {
    if (this.#open >= this.#limit) throw errno('EMFILE')
  }

  /** Takes the lowest free number. */
  add(file: OpenFile): number {
    this.reserve()
    let number = 0
    while (this.#files[number] !== undefined) number++
    this.#files[number] = file
    this.#open++
    return number
  }

  /** Puts a file at a number; what was there is closed. For the three streams. */
  set(number: number, file: OpenFile): void {
    const before = this.#files[number]
    if (before === undefined) this.#open++
    this.#files[number] = file
    if (before !== undefined && !this.#isHeld(before)) quietly(() => before.close())
  }

  /** A second number for a file, which is closed when the last of its numbers is. */
  duplicate(number: number): number {
    const copy = this.add(this.get(number))
    this.#shared.add(this.get(number))
    return copy
  }

  /** Gives a file the place of another one, which the caller closes. Its own number is free. */
  move(from: number, to: number): void {
    const file = this.get(from)
    this.get(to)
    if (from === to) return
    this.#files[to] = file
    this.#files[from] = undefined
    this.#open--
  }

  /** The file of a number. EBADF when there is none. */
  get(number: number): OpenFile {
    const file = this.#files[number]
    if (file === undefined) throw errno('EBADF')
    return file
  }

  /** Frees the number at once; the file may take longer to close. */
  close(number: number): MaybePromise<void> {
    const file = this.get(number)
    this.#files[number] = undefined
    this.#open--
    if (this.#isHeld(file)) return
    return file.close()
  }

  #isHeld(file: OpenFile): boolean {
    return this.#shared.has(file) && this.#files.includes(file)
  }

  /** Closes everything from a number on. A file that fails to close is let go. */
  closeFrom(first: number): void {
    for (let number = first; number < this.#files.length; number++)
      if (this.#files[number] !== undefined) quietly(() => this.close(number))
  }
}

function quietly(close: () => MaybePromise<void>): void {
  try {
    const answer = close()
    if (answer instanceof Promise) answer.catch(() => {})
  } catch {
    // nobody is left who could be told
  }
}
