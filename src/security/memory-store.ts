/** A store that lives as long as its process: for tests, browsers and services that are alone. */
import { type QuotaCell, type SecurityStore, shareOf, stepRate } from './store.ts'

type Stored = { left: number; until: number }

class MemoryStore implements SecurityStore {
  #list: { version: number; text: string } | undefined
  readonly #quotas = new Map<string, Stored>()
  readonly #rates = new Map<string, number>()

  readList() {
    return this.#list
  }

  writeList(version: number, text: string, over: number): boolean {
    if (over !== (this.#list?.version ?? 0)) return false
    this.#list = { version, text }
    return true
  }

  #quota({ key, initial, until }: QuotaCell): Stored {
    const known = this.#quotas.get(key) ?? { left: initial, until }
    this.#quotas.set(key, known)
    return known
  }

  lease(cell: QuotaCell, whole: boolean): number {
    const quota = this.#quota(cell)
    const taken = shareOf(quota.left, whole)
    quota.left -= taken
    return taken
  }

  giveBack(cell: QuotaCell, amount: number): void {
    const quota = this.#quota(cell)
    quota.left = Math.min(quota.left + amount, cell.initial)
  }

  left(cell: QuotaCell): number {
    return this.#quotas.get(cell.key)?.left ?? cell.initial
  }

  takeRate(key: string, now: number, interval: number, tolerance: number): number {
    const step = stepRate(this.#rates.get(key) ?? 0, now, interval, tolerance)
    if ('wait' in step) return step.wait
    this.#rates.set(key, step.next)
    return 0
  }

  forget(before: number): void {
    for (const [key, { until }] of this.#quotas) if (until < before) this.#quotas.delete(key)
    for (const [key, arrival] of this.#rates) if (arrival < before * 1_000) this.#rates.delete(key)
  }

  close(): void {}
}

/** Makes a store in memory. A restart of the process forgets what was revoked and spent: tokens should be short-lived. */
export function memoryStore(): SecurityStore {
  return new MemoryStore()
}
