/** The wasm that comes from other packages, each pinned to a version and a hash. */

export type Pin = {
  /** The npm package, its version, and the file in it. */
  package: string
  version: string
  path: string
  /** SHA-256 in hexadecimal. */
  sha256: string
}

export const PINS = {
  quickjs: {
    package: 'quickjs-wasi',
    version: '3.6.2',
    path: 'quickjs.wasm',
    sha256: 'd4c9375f2b1ca4dc95f72c8aa2982a7a9951ac8011490d79c6582df732b4bbd9',
  },
} as const satisfies Record<string, Pin>

export type AssetName = keyof typeof PINS
