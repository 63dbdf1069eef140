/** @wasmer/sdk: its own time limit and its own bound of what is kept; it has none of memory. */
import { load } from '../../peers/load.ts'
import type { CreateModulePeer } from '../peer.ts'

type Output = { exitCode: number; reason: string; stdout: { bytes: Uint8Array } }
type Sandbox = {
  command(
    program: unknown,
    args: string[],
  ): {
    run(options: { timeoutMs: number; outputBytes: number; check: false }): Promise<Output>
  }
  close(): Promise<void>
}
type Library = {
  Wasmer: new (options: {
    cache: false
  }) => {
    packages: { load(bytes: Uint8Array): Promise<unknown> }
    sandboxes: { create(options: { packages: unknown[]; files: Record<string, string> }): Promise<Sandbox> }
  }
}

export const create: CreateModulePeer = async () => {
  const { Wasmer } = (await load('@wasmer/sdk')) as Library
  const wasmer = new Wasmer({ cache: false })
  return {
    async run({ module, timeoutMs, outputBytes }) {
      const program = await wasmer.packages.load(module)
      const sandbox = await wasmer.sandboxes.create({ packages: [program], files: { 'inside.txt': 'inside' } })
      try {
        const { exitCode, reason, stdout } = await sandbox
          .command(program, [])
          .run({ timeoutMs, outputBytes, check: false })
        const text = new TextDecoder().decode(stdout.bytes.slice(0, 10_000))
        if (reason === 'exited' && exitCode === 0) return { by: 'value', value: text, outputBytes: stdout.bytes.length }
        return { by: 'error', message: `${reason} ${exitCode} ${text}`, outputBytes: stdout.bytes.length }
      } finally {
        await sandbox.close()
      }
    },
  }
}
