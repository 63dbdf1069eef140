/** Starts the process of a cell, watches its time and its memory from outside, and ends it when it goes too far. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { killTree } from '../../test/runtimes/process-tree.ts'
import type { Guest } from './guest.ts'
import type { Measured, Message } from './measured.ts'
import type { PeerEntry } from './peers.ts'
import { GRACE_MS, HARD_MEMORY } from './verdict.ts'

const START_MS = 30_000
const AFTER_MS = 5_000
const POLL_MS = 10
const cellFile = fileURLToPath(new URL('./cell.ts', import.meta.url))

/** Runs one guest in one sandbox, in a process of its own. Never rejects. */
export async function runCell(peer: PeerEntry, guest: Guest): Promise<Measured> {
  const flags = ['--expose-gc', '--conditions=toka-source', '--disable-warning=ExperimentalWarning']
  const scratch = mkdtempSync(join(tmpdir(), 'toka-limits-'))
  const args = [...flags, ...(peer.nodeFlags ?? []), cellFile, peer.name, guest.name, scratch]
  // A file, not a pipe: who writes to a pipe that nobody reads fast enough fails, and that would be our doing.
  const errors = join(scratch, 'errors.log')
  const descriptor = openSync(errors, 'w')
  // A group of its own, so that whatever it starts goes with it.
  const stdio: StdioOptions = ['ignore', 'ignore', descriptor, 'ipc']
  const child = spawn(process.execPath, args, { detached: true, stdio })
  closeSync(descriptor)
  const watch = new Watch(child, guest.timeoutMs)
  const poll = setInterval(() => watch.look(), POLL_MS)
  child.on('message', (message) => watch.hear(message as Message))
  const ended = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  clearInterval(poll)
  const reason = reasonIn(lastOf(errors))
  rmSync(scratch, { recursive: true, force: true })
  return watch.measured(`${ended}${reason}`)
}

/** What a process wrote to its stderr at last. */
function lastOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(-20_000)
  } catch {
    return '' // too large to be a text
  }
}

/** The line of a crash that says most. */
function reasonIn(errors: string): string {
  const lines = errors.split('\n').map((line) => line.trim())
  const line = lines.find((text) => /FATAL|Error:|error:|Assertion|abort/i.test(text)) ?? ''
  return line === '' ? '' : ` (${line.slice(0, 140)})`
}

class Watch {
  readonly #child: ChildProcess
  readonly #timeoutMs: number
  #phase: 'loading' | 'running' | 'after' = 'loading'
  #since = performance.now()
  #lastBeat = 0
  #base = 0
  #peak = 0
  #measured: Measured = { grownBytes: 0 }

  constructor(child: ChildProcess, timeoutMs: number) {
    this.#child = child
    this.#timeoutMs = timeoutMs
  }

  hear(message: Message): void {
    const now = performance.now()
    this.#lastBeat = now
    if (message.kind === 'unavailable') this.#measured.unavailable = message.message
    if (message.kind === 'end') {
      this.#measured.report = message.report
      this.#peak = Math.max(this.#peak, message.peakBytes)
    }
    if (message.kind !== 'start' && message.kind !== 'ran') return
    if (message.kind === 'start') this.#base = message.rssBytes
    this.#phase = message.kind === 'start' ? 'running' : 'after'
    this.#since = now
  }

  look(): void {
    const { pid } = this.#child
    if (pid === undefined || this.#measured.killed) return
    if (this.#phase !== 'loading') this.#peak = Math.max(this.#peak, residentBytes(pid))
    const afterMs = performance.now() - this.#since
    const capMs = { loading: START_MS, running: this.#timeoutMs + GRACE_MS, after: AFTER_MS }[this.#phase]
    const reason = this.#peak > HARD_MEMORY ? 'memory' : afterMs > capMs ? 'time' : undefined
    if (reason === undefined) return
    this.#measured.killed = { for: reason, afterMs, frozenMs: performance.now() - this.#lastBeat }
    killTree(pid)
  }

  /** @param ended how the process ended */
  measured(ended: string): Measured {
    const { report, unavailable, killed } = this.#measured
    if (!report && unavailable === undefined && !killed) {
      const phase = this.#phase === 'after' ? ', after the result' : ''
      this.#measured.crashed = `${ended}${phase}`
    }
    return { ...this.#measured, grownBytes: Math.max(0, this.#peak - this.#base) }
  }
}

/** The memory of a process in bytes; 0 where /proc does not tell it (the peak that the process itself knows remains). */
function residentBytes(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096
  } catch {
    return 0
  }
}
