/** `#worker` in Node: a worker thread that runs src/worker/entry.node.ts. */
import process from 'node:process'
import { SHARE_ENV, Worker } from 'node:worker_threads'
import type { StartThread } from './thread.ts'

/**
 * Flags of this process that a worker needs too: how modules are found and read. Others (a program given by `--eval`,
 * a preloaded module) are none of its business, and some are refused.
 */
function workerFlags(): string[] {
  const kept: string[] = []
  process.execArgv.forEach((flag, at, all) => {
    if (/^(--conditions=|--experimental-|--disable-warning=|--no-warnings)/.test(flag)) kept.push(flag)
    else if (flag === '--conditions' || flag === '-C') kept.push(`--conditions=${all[at + 1] ?? ''}`)
  })
  return kept
}

export const startThread: StartThread = ({ message, ended }) => {
  const worker = new Worker(new URL('../worker/entry.node.ts', import.meta.url), {
    name: 'toka',
    env: SHARE_ENV,
    execArgv: workerFlags(),
  })
  let reason = 'it ended'
  let ending = false
  worker.on('message', message)
  worker.on('messageerror', () => message(undefined))
  worker.on('error', (error) => {
    reason = error instanceof Error ? error.message : 'it failed'
  })
  worker.on('exit', () => ended(reason))
  return {
    post: (data) => worker.postMessage(data),
    terminate: () => {
      // Who disposes waits for the end: a program that has nothing else to do would be over before it.
      ending = true
      worker.ref()
      void worker.terminate()
    },
    hold: (held) => (held || ending ? worker.ref() : worker.unref()),
  }
}
