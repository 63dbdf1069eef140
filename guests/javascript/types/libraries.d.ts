/** Shapes of the bundled libraries, as far as the prelude uses them. */

declare module 'events' {
  export class EventEmitter {
    on(event: string | symbol, listener: (...args: unknown[]) => void): this
    addListener(event: string | symbol, listener: (...args: unknown[]) => void): this
    emit(event: string | symbol, ...args: unknown[]): boolean
    listenerCount(event: string | symbol): number
    setMaxListeners(count: number): this
  }
}

declare module 'buffer/' {
  export const Buffer: {
    (value: unknown): Uint8Array
    readonly prototype: Uint8Array & { write: unknown }
    from: unknown
    byteLength: unknown
    compare(first: unknown, second: unknown): number
    isEncoding(encoding: unknown): boolean
  }
  export const SlowBuffer: unknown
  export const INSPECT_MAX_BYTES: number
}

declare module 'punycode/' {
  const punycode: { decode(text: string): string; encode(text: string): string }
  export default punycode
}

declare module 'path-browserify' {
  const path: { win32: unknown; posix: unknown; [name: string]: unknown }
  export default path
}

declare module 'whatwg-url' {
  export class URL {
    constructor(url: string, base?: string | URL)
    readonly protocol: string
    readonly hostname: string
    readonly pathname: string
  }
  export class URLSearchParams {}
}

declare module 'core-js-pure/actual/structured-clone' {
  export default function structuredClone<T>(value: T, options?: { transfer?: unknown[] }): T
}

declare module 'node-inspect-extracted' {
  export function inspect(value: unknown, options?: object): string
  export function format(...values: unknown[]): string
  export function formatWithOptions(options: object, ...values: unknown[]): string
  export function stripVTControlCharacters(text: string): string
}
