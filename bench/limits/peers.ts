/** The sandboxes under attack: what each is called, where it comes from, how it is made. */
import type { CreateModulePeer, CreatePeer } from './peer.ts'

type Common = {
  name: string
  /** The npm package that gives its version; none for what is part of Node or of this repository. */
  package?: string
  /** What kind of sandbox it is, in a few words. */
  kind: string
  /** Flags that Node needs for it. */
  nodeFlags?: readonly string[]
}

export type ScriptPeerEntry = Common & {
  language: 'javascript'
  /** It gives its guests a console. */
  prints: boolean
  load: () => Promise<CreatePeer>
}

export type ModulePeerEntry = Common & { language: 'wasm'; load: () => Promise<CreateModulePeer> }

export type PeerEntry = ScriptPeerEntry | ModulePeerEntry

const SCRIPT_PEERS: readonly Omit<ScriptPeerEntry, 'language'>[] = [
  {
    name: 'toka-inline',
    kind: "QuickJS in WebAssembly, on the caller's thread",
    prints: true,
    load: async () => (await import('./peers/toka.ts')).createInline,
  },
  {
    name: 'toka-worker',
    kind: 'QuickJS in WebAssembly, on a worker thread',
    prints: true,
    load: async () => (await import('./peers/toka.ts')).createWorker,
  },
  {
    name: 'quickjs-emscripten',
    package: 'quickjs-emscripten',
    kind: "QuickJS in WebAssembly, on the caller's thread",
    prints: false,
    load: async () => (await import('./peers/quickjs-emscripten.ts')).create,
  },
  {
    name: 'quickjs-wasi',
    package: 'quickjs-wasi',
    kind: "QuickJS in WebAssembly, on the caller's thread",
    prints: false,
    load: async () => (await import('./peers/quickjs-wasi.ts')).create,
  },
  {
    name: '@sebastianwessel/quickjs',
    package: '@sebastianwessel/quickjs',
    kind: "QuickJS in WebAssembly, on the caller's thread",
    prints: true,
    load: async () => (await import('./peers/sebastianwessel.ts')).create,
  },
  {
    name: 'run',
    package: 'run',
    kind: 'QuickJS in WebAssembly, on a worker thread',
    prints: true,
    load: async () => (await import('./peers/run.ts')).create,
  },
  {
    name: 'isolated-vm',
    package: 'isolated-vm',
    kind: 'a V8 isolate, native code',
    prints: false,
    nodeFlags: ['--no-node-snapshot'],
    load: async () => (await import('./peers/isolated-vm.ts')).create,
  },
  {
    name: 'vm2',
    package: 'vm2',
    kind: "a V8 context behind proxies, on the caller's thread",
    prints: false,
    load: async () => (await import('./peers/vm2.ts')).create,
  },
  {
    name: 'node:vm',
    kind: "a V8 context, on the caller's thread",
    prints: false,
    load: async () => (await import('./peers/node-vm.ts')).create,
  },
]

const MODULE_PEERS: readonly Omit<ModulePeerEntry, 'language'>[] = [
  {
    name: 'toka-inline',
    kind: "a metered module, on the caller's thread",
    load: async () => (await import('./peers/toka-modules.ts')).createInline,
  },
  {
    name: 'toka-worker',
    kind: 'a metered module, on a worker thread',
    load: async () => (await import('./peers/toka-modules.ts')).createWorker,
  },
  {
    name: 'node:wasi',
    kind: "a module with the disk of the host, on the caller's thread",
    load: async () => (await import('./peers/node-wasi.ts')).create,
  },
  {
    name: '@bjorn3/browser_wasi_shim',
    package: '@bjorn3/browser_wasi_shim',
    kind: "a module with files in memory, on the caller's thread",
    load: async () => (await import('./peers/browser-wasi-shim.ts')).create,
  },
  {
    name: '@wasmer/wasi',
    package: '@wasmer/wasi',
    kind: "a module with files in memory, on the caller's thread",
    load: async () => (await import('./peers/wasmer-wasi.ts')).create,
  },
  {
    name: '@wasmer/sdk',
    package: '@wasmer/sdk',
    kind: 'a module with files in memory, on worker threads',
    load: async () => (await import('./peers/wasmer-sdk.ts')).create,
  },
]

export const PEERS: readonly PeerEntry[] = [
  ...SCRIPT_PEERS.map((entry) => ({ ...entry, language: 'javascript' as const })),
  ...MODULE_PEERS.map((entry) => ({ ...entry, language: 'wasm' as const })),
]
