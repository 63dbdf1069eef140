/** Toka with modules, in both isolations: a directory of the disk as a mount, and its grant. */
import { createToka } from '../../../src/index.ts'
import type { CreateModulePeer } from '../peer.ts'

const createWith =
  (isolation: 'inline' | 'worker'): CreateModulePeer =>
  async () => {
    const toka = await createToka({ isolation })
    return {
      async run({ module, directory, timeoutMs, memoryBytes, outputBytes }) {
        const result = await toka.run({
          language: 'wasm',
          module,
          mounts: [{ at: '/data', from: directory, mode: 'rw' }],
          grants: [{ resource: 'fs', actions: ['read', 'write'], paths: ['/data/**'] }],
          limits: { timeoutMs, memoryBytes, outputBytes },
        })
        const kept = result.stdout.length + result.stderr.length
        if (result.status === 'completed') return { by: 'value', value: result.stdout, outputBytes: kept }
        // What a guest printed before its end is its own, and may hold what it found.
        const message = `${result.error?.code}: ${result.error?.message} ${result.stdout.slice(0, 10_000)}`
        return { by: 'error', message, outputBytes: kept }
      },
    }
  }

export const createInline = createWith('inline')
export const createWorker = createWith('worker')
