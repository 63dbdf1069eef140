/** `#typescript` in Node: a worker thread that runs serve.node.ts. */
import { SHARE_ENV, Worker } from 'node:worker_threads'
import { workerFlags } from '../worker-flags.node.ts'
import type { StartTransformer } from './transformer-thread.ts'

/** Mebibytes of its heap: the largest honest source takes a third of it. */
const HEAP_MB = 512

export const startTransformer: StartTransformer = ({ message, ended }) => {
  const worker = new Worker(new URL('../typescript/serve.node.ts', import.meta.url), {
    name: 'toka-typescript',
    env: SHARE_ENV,
    execArgv: workerFlags(),
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  })
  let reason = 'it ended'
  worker.unref()
  worker.on('message', message)
  worker.on('messageerror', () => message(undefined))
  worker.on('error', (error) => {
    reason = error instanceof Error ? error.message : 'it failed'
  })
  worker.on('exit', () => ended(reason))
  return {
    post: (task) => worker.postMessage(task),
    hold: (held) => (held ? worker.ref() : worker.unref()),
    end: async () => void (await worker.terminate()),
  }
}
