/** The wasm and libraries that come from other packages, each pinned to a version and a hash. */

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
  pyodide: {
    package: 'pyodide',
    version: '314.0.7',
    path: 'pyodide.asm.wasm',
    sha256: 'cc36e3cab04fdfc9a63ff13eb52eae2b911bf46c025cc7b281f394bd3de1d5e6',
  },
  'python-stdlib': {
    package: 'pyodide',
    version: '314.0.7',
    path: 'python_stdlib.zip',
    sha256: 'fa1957e5777068fc4f7437f96d860ae2fbe9c19732ba06c84e004ec16dd7dd7a',
  },
} as const satisfies Record<string, Pin>

export type AssetName = keyof typeof PINS
