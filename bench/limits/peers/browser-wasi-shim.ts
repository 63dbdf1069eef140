/** @bjorn3/browser_wasi_shim: files in memory, no limits of time or memory; what is printed goes to a function of ours. */
import { load } from '../../peers/load.ts'
import { boundedConsole, type CreateModulePeer } from '../peer.ts'

type Shim = {
  WASI: new (
    args: string[],
    env: string[],
    descriptors: unknown[],
  ) => {
    wasiImport: WebAssembly.ModuleImports
    start(instance: WebAssembly.Instance): number
  }
  File: new (bytes: Uint8Array) => unknown
  OpenFile: new (file: unknown) => unknown
  ConsoleStdout: new (write: (bytes: Uint8Array) => void) => unknown
  PreopenDirectory: new (name: string, entries: Map<string, unknown>) => unknown
}

export const create: CreateModulePeer = async () => {
  const { WASI, File, OpenFile, ConsoleStdout, PreopenDirectory } = (await load('@bjorn3/browser_wasi_shim')) as Shim
  return {
    async run({ module, outputBytes }) {
      const { log, kept, text } = boundedConsole(outputBytes)
      const print = () => new ConsoleStdout((bytes) => log(new TextDecoder().decode(bytes)))
      const files = new Map([['inside.txt', new File(new TextEncoder().encode('inside'))]])
      const stdin = new OpenFile(new File(new Uint8Array(0)))
      const wasi = new WASI([], [], [stdin, print(), print(), new PreopenDirectory('/', files)])
      const imports = { wasi_snapshot_preview1: wasi.wasiImport }
      const { instance } = await WebAssembly.instantiate(module, imports)
      wasi.start(instance)
      return { by: 'value', value: text(), outputBytes: kept() }
    },
  }
}
