/** A first-in first-out list whose cells are its own: patched array methods do not reach it. */

type Cell<T> = { value: T; next: Cell<T> | undefined }

export class Queue<T> {
  #first: Cell<T> | undefined
  #last: Cell<T> | undefined

  get empty(): boolean {
    return this.#first === undefined
  }

  push(value: T): void {
    const cell: Cell<T> = { value, next: undefined }
    if (this.#last === undefined) this.#first = cell
    else this.#last.next = cell
    this.#last = cell
  }

  /** @returns undefined when it is empty */
  shift(): T | undefined {
    const cell = this.#first
    if (cell === undefined) return undefined
    this.#first = cell.next
    if (cell.next === undefined) this.#last = undefined
    return cell.value
  }

  clear(): void {
    this.#first = undefined
    this.#last = undefined
  }
}
