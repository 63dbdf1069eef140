/** Embedded wasm text in, its module out, compiled once in each thread. */
const modules = new Map<string, WebAssembly.Module>()

/** The module of a base64 text. Ours are a few KB, so they are compiled at once, in browsers too. */
export function moduleOf(base64: string): WebAssembly.Module {
  const known = modules.get(base64)
  if (known) return known
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  const module = new WebAssembly.Module(bytes)
  modules.set(base64, module)
  return module
}
