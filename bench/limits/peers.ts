/** The sandboxes under attack: what each is called, where it comes from, how it is made. */
import type { CreatePeer } from './peer.ts'

export type PeerEntry = {
  name: string
  /** The npm package that gives its version; none for what is part of Node or of this repository. */
  package?: string
  /** What kind of sandbox it is, in a few words. */
  kind: string
  /** It gives its guests a console. */
  prints: boolean
  /** Flags that Node needs for it. */
  nodeFlags?: readonly string[]
  load: () => Promise<CreatePeer>
}

export const PEERS: readonly PeerEntry[] = [
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
