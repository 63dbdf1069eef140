/** node:wasi: it has no limits, and its manual says that it is no sandbox; a module writes into files. */
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { WASI } from 'node:wasi'
import type { CreateModulePeer } from '../peer.ts'

export const create: CreateModulePeer = async () => ({
  async run({ module, directory }) {
    const output = join(directory, '../../output')
    const stdout = openSync(output, 'w')
    try {
      const wasi = new WASI({
        version: 'preview1',
        preopens: { '/': directory },
        stdout,
        stderr: stdout,
        returnOnExit: true,
      })
      const { instance } = await WebAssembly.instantiate(module, wasi.getImportObject() as WebAssembly.Imports)
      wasi.start(instance)
    } finally {
      closeSync(stdout)
    }
    return { by: 'value', value: readFileSync(output, 'utf8').slice(0, 10_000), outputBytes: statSync(output).size }
  },
})
