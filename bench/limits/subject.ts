/** One guest and one sandbox in, what a cell does with them out: the attack, and a harmless run before and after it. */
import { printing } from './guests/module-code.ts'
import { type Guest, OUTPUT_BYTES } from './guest.ts'
import { hostFunction, plantFiles } from './host.ts'
import { type Ending, messageOf } from './peer.ts'
import type { PeerEntry } from './peers.ts'

export type Subject = {
  attack(): Promise<Ending>
  /** Runs a program that does no harm. @returns what went wrong */
  harmless(): Promise<string | undefined>
  /** What of the host's files has changed, by name. */
  changes(): string[]
}

const HARMLESS = { timeoutMs: 5_000, memoryBytes: 64 * 2 ** 20, outputBytes: OUTPUT_BYTES }

/**
 * @param scratch a directory of this cell alone
 * @throws when the sandbox cannot be made here
 */
export async function makeSubject(entry: PeerEntry, guest: Guest, scratch: string, secret: string): Promise<Subject> {
  const { timeoutMs, memoryBytes } = guest
  const limits = { timeoutMs, memoryBytes, outputBytes: OUTPUT_BYTES }
  if (entry.language === 'javascript' && guest.language === 'javascript') {
    const peer = await (await entry.load())(hostFunction)
    const attempt = { source: guest.source, waits: guest.waits === true, ...limits }
    return {
      attack: () => peer.run(attempt),
      harmless: () => expected(peer.run({ source: 'return 1 + 1', waits: false, ...HARMLESS }), 2),
      changes: () => [],
    }
  }
  if (entry.language !== 'wasm' || guest.language !== 'wasm') throw new Error(`${entry.name} runs no ${guest.language}`)
  const { outside, directory, changes } = plantFiles(scratch, secret)
  const peer = await (await entry.load())()
  const module = guest.module({ outside })
  return {
    attack: () => peer.run({ module, directory, ...limits }),
    harmless: () => expected(peer.run({ module: printing('2'), directory, ...HARMLESS }), '2'),
    changes,
  }
}

async function expected(run: Promise<Ending>, value: unknown): Promise<string | undefined> {
  try {
    const ending = await run
    if (ending.by !== 'value') return ending.message
    return ending.value === value ? undefined : `a harmless run answers ${String(ending.value)}`
  } catch (error) {
    return messageOf(error)
  }
}
