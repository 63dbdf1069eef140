/** The three ways in which a sandbox can run here, each with a Toka of its own for a test file. */
import { afterAll } from 'vitest'
import { createToka, type Toka, type TokaOptions } from '../src/index.ts'
import { allowSuspension } from '../src/loader/suspension.ts'

export type Way = 'inline' | 'worker' | 'worker that cannot suspend'

/** On the caller's thread, in a worker, and in a worker whose guests cannot be suspended, as in Node 22. */
export const WAYS: readonly Way[] = ['inline', 'worker', 'worker that cannot suspend']

/** A Toka whose workers have started: how guests wait is settled with the first of them. */
export async function openWay(way: Way, options: TokaOptions = {}): Promise<Toka> {
  const toka = await createToka({ isolation: way === 'inline' ? 'inline' : 'worker', workers: 2, ...options })
  allowSuspension(way !== 'worker that cannot suspend')
  try {
    await (await toka.open({ language: 'javascript' })).dispose()
  } finally {
    allowSuspension(true)
  }
  return toka
}

const shared = new Map<Way, Promise<Toka>>()

/** The file's Toka of a way, made at first use and disposed at its end. */
export function tokaOf(way: Way): Promise<Toka> {
  let toka = shared.get(way)
  if (!toka) {
    toka = openWay(way)
    shared.set(way, toka)
    afterAll(async () => {
      shared.delete(way)
      await (await toka)?.dispose()
    })
  }
  return toka
}
