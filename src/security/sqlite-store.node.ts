/** A store in a SQLite file, which processes of one machine share. Every write is on disk before it is answered. */
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type QuotaCell, type SecurityStore, shareOf, stepRate } from './store.ts'

const VERSION = 1
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS list (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, text TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS quotas (key TEXT PRIMARY KEY, left INTEGER NOT NULL CHECK (left >= 0), until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS rates (key TEXT PRIMARY KEY, arrival INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`
/** Milliseconds that a write waits for another process's. */
const PATIENCE_MS = 5_000

class SqliteStore implements SecurityStore {
  readonly #database: DatabaseSync

  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    // Made with the owner's rights alone: SQLite would take the umask's.
    closeSync(openSync(path, 'a', 0o600))
    chmodSync(path, 0o600)
    this.#database = new DatabaseSync(path)
    this.#database.exec(`PRAGMA busy_timeout = ${PATIENCE_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;`)
    const { user_version: version } = this.#database.prepare('PRAGMA user_version').get() as { user_version: number }
    if (version > VERSION) {
      this.#database.close()
      throw new Error(`the store was written by a newer version (${version}); this one reads ${VERSION}`)
    }
    this.#database.exec(`BEGIN IMMEDIATE; ${SCHEMA} PRAGMA user_version = ${VERSION}; COMMIT;`)
  }

  /** All or nothing, and alone: the first statement of a transaction takes the lock for writing. */
  #alone<T>(work: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      try {
        this.#database.exec('ROLLBACK')
      } catch {
        // SQLite rolled back by itself, as on a full disk (https://www.sqlite.org/lang_transaction.html).
      }
      throw error
    }
  }

  readList() {
    const row = this.#database.prepare('SELECT version, text FROM list WHERE id = 1').get()
    return row as { version: number; text: string } | undefined
  }

  writeList(version: number, text: string, over: number): boolean {
    return this.#alone(() => {
      if (over !== (this.readList()?.version ?? 0)) return false
      this.#database.prepare('INSERT OR REPLACE INTO list (id, version, text) VALUES (1, ?, ?)').run(version, text)
      return true
    })
  }

  #store({ key, until }: QuotaCell, left: number): void {
    this.#database.prepare('INSERT OR REPLACE INTO quotas (key, left, until) VALUES (?, ?, ?)').run(key, left, until)
  }

  left({ key, initial }: QuotaCell): number {
    const row = this.#database.prepare('SELECT left FROM quotas WHERE key = ?').get(key) as { left: number } | undefined
    return row?.left ?? initial
  }

  lease(cell: QuotaCell, whole: boolean): number {
    return this.#alone(() => {
      const left = this.left(cell)
      const taken = shareOf(left, whole)
      this.#store(cell, left - taken)
      return taken
    })
  }

  giveBack(cell: QuotaCell, amount: number): void {
    this.#alone(() => this.#store(cell, Math.min(this.left(cell) + amount, cell.initial)))
  }

  takeRate(key: string, now: number, interval: number, tolerance: number): number {
    return this.#alone(() => {
      const row = this.#database.prepare('SELECT arrival FROM rates WHERE key = ?').get(key)
      const step = stepRate((row as { arrival: number } | undefined)?.arrival ?? 0, now, interval, tolerance)
      if ('wait' in step) return step.wait
      this.#database.prepare('INSERT OR REPLACE INTO rates (key, arrival) VALUES (?, ?)').run(key, step.next)
      return 0
    })
  }

  forget(before: number): void {
    this.#alone(() => {
      this.#database.prepare('DELETE FROM quotas WHERE until < ?').run(before)
      this.#database.prepare('DELETE FROM rates WHERE arrival < ?').run(before * 1_000)
    })
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }
}

/**
 * Opens a store in a file, made when it is not there (rights 0600).
 * @throws Error of SQLite for a file that is no store
 */
export function sqliteStore(path: string): SecurityStore {
  return new SqliteStore(path)
}
