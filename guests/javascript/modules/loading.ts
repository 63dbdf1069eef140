/** The engine's questions about modules: which one a specifier means, its source, its `import.meta`. */
import { errorOf } from '../failures.ts'
import { callText } from '../natives.ts'
import { EngineModuleLoad, EngineModuleResolve } from '../operations.generated.ts'
import { bytesTag, concat, lastIndexOfText, sliceText, startsWith } from '../primordials.ts'
import { defineOpen } from '../realm/define.ts'
import { encode } from '../values/encode.ts'
import { part } from '../parts.ts'

const BUILTIN = 'node:'

function ask(operation: number, argument: Uint8Array | string): string {
  try {
    return callText(operation, argument)
  } catch (thrown) {
    throw bytesTag(thrown) === 'Uint8Array' ? errorOf(thrown) : thrown
  }
}

/** The hook `resolve`: `node:` and a name, or the canonical path of a file in the sandbox. */
export function resolveModule(importer: string, specifier: string): string {
  const isPath = startsWith(specifier, '.') || startsWith(specifier, '/')
  const builtin = isPath ? undefined : part<typeof import('../parts/node.ts')>('node').builtinName(specifier)
  return builtin ?? ask(EngineModuleResolve, encode([importer, specifier]))
}

/** The hook `load`: JavaScript source. */
export function loadModule(name: string): string {
  return startsWith(name, BUILTIN)
    ? part<typeof import('../parts/node.ts')>('node').builtinSource(name)
    : ask(EngineModuleLoad, name)
}

/** The hook `meta`. */
export function describeModule(meta: object, name: string): void {
  if (startsWith(name, BUILTIN)) {
    defineOpen(meta, 'builtin', part<typeof import('../parts/node.ts')>('node').builtin(name))
    return
  }
  const slash = lastIndexOfText(name, '/')
  defineOpen(meta, 'url', concat('file://', encodePath(name)))
  defineOpen(meta, 'filename', name)
  defineOpen(meta, 'dirname', slash <= 0 ? '/' : sliceText(name, 0, slash))
}

const encodeComponent = encodeURI

/** `encodeURI` leaves the two characters that end a path in a URL. */
function encodePath(name: string): string {
  let text = ''
  const encoded = encodeComponent(name)
  for (let index = 0; index < encoded.length; index++) {
    const char = encoded[index] as string
    text += char === '?' ? '%3F' : char === '#' ? '%23' : char
  }
  return text
}
