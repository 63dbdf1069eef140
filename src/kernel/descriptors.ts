/** The descriptors of one process: small numbers for open files, the lowest free one first, never more than the limit. */
import { errno } from './errno.ts'
import type { MaybePromise } from './host-port.ts'
import type { OpenFile } from './open-file.ts'

export class DescriptorTable {
  readonly #files: (OpenFile | undefined)[] = []
  /** Numbers of files that have several. */
  readonly #shared = new Map<OpenFile, number>()
  readonly #limit: number
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

  /** Takes the lowest free number, from `least` on. EINVAL for one that none can have: all numbers are walked at the end. */
  add(file: OpenFile, least = 0): number {
    if (least >= this.#limit) throw errno('EINVAL')
    this.reserve()
    let number = least
    while (this.#files[number] !== undefined) number++
    if (number >= this.#limit) throw errno('EMFILE')
    this.#files[number] = file
    this.#open++
    return number
  }

  /** Puts a file at a number; what was there is closed. For the three streams. */
  set(number: number, file: OpenFile): void {
    const before = this.#files[number]
    if (before === undefined) this.#open++
    this.#files[number] = file
    if (before !== undefined) quietly(() => this.#letGo(before))
  }

  /** Gives a file one more number, the lowest that is free from `least` on: it is closed with its last one. */
  duplicate(number: number, least = 0): number {
    const file = this.get(number)
    const copy = this.add(file, least)
    this.#share(file)
    return copy
  }

  /** The same at a number of the caller's; what was there is closed. EBADF beyond the numbers that there can be. */
  duplicateTo(number: number, copy: number): void {
    const file = this.get(number)
    if (copy >= this.#limit) throw errno('EBADF')
    if (this.#files[copy] === undefined) this.reserve()
    this.#share(file)
    this.set(copy, file)
  }

  /** Gives a file the place of another one, which is closed. Its own number is free. */
  move(from: number, to: number): MaybePromise<void> {
    const file = this.get(from)
    const before = this.get(to)
    if (from === to) return
    this.#files[to] = file
    this.#files[from] = undefined
    this.#open--
    return this.#letGo(before)
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
    return this.#letGo(file)
  }

  #share(file: OpenFile): void {
    this.#shared.set(file, (this.#shared.get(file) ?? 1) + 1)
  }

  #letGo(file: OpenFile): MaybePromise<void> {
    const numbers = this.#shared.get(file) ?? 1
    if (numbers <= 1) return file.close()
    if (numbers === 2) this.#shared.delete(file)
    else this.#shared.set(file, numbers - 1)
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
