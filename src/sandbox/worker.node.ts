/** `#worker` in Node: a worker thread that runs src/worker/entry.node.ts. */
import { SHARE_ENV, Worker } from 'node:worker_threads'
import { workerFlags } from '../worker-flags.node.ts'
import type { StartThread } from './thread.ts'

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
