/** Classes of WebAssembly as the public declarations name them: a Node program without the types of pages compiles with them, too. */

type Wasm = typeof globalThis extends { WebAssembly: infer Namespace } ? Namespace : unknown

/** `WebAssembly.Memory` where the program's libraries declare it, else any object. */
export type WasmMemory = Wasm extends { Memory: new (...descriptor: never) => infer Memory } ? Memory : object
