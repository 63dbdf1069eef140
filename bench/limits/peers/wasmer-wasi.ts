/** @wasmer/wasi: files in memory, no limits; what is printed is kept by the package. */
import { load } from '../../peers/load.ts'
import type { CreateModulePeer } from '../peer.ts'

type Library = {
  init(): Promise<void>
  MemFS: new () => object
  WASI: new (
    options: object,
  ) => {
    instantiate(module: WebAssembly.Module, imports: object): unknown
    start(): number
    getStdoutBuffer(): Uint8Array
    free(): void
  }
}

export const create: CreateModulePeer = async () => {
  const { init, MemFS, WASI } = (await load('@wasmer/wasi')) as Library
  await init()
  return {
    async run({ module }) {
      const wasi = new WASI({ args: [], env: {}, preopens: { '/': '/' }, fs: new MemFS() })
      wasi.instantiate(await WebAssembly.compile(module), {})
      wasi.start()
      const bytes = wasi.getStdoutBuffer()
      wasi.free()
      return { by: 'value', value: new TextDecoder().decode(bytes.slice(0, 10_000)), outputBytes: bytes.length }
    },
  }
}
