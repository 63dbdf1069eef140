/** Whether this runtime can carry Toka at all: asked before anything is loaded, so that an old one hears what it lacks. */
import { TokaError } from './errors.ts'

/** Oldest Node that the tests run in. */
const NODE = [22, 13] as const

/** The youngest of what is used without a second way, by name. */
const NEEDED: Record<string, () => unknown> = {
  WebAssembly: () => WebAssembly.Module,
  'Promise.withResolvers': () => Promise.withResolvers,
  'Map.groupBy': () => Map.groupBy,
  'AbortSignal.any': () => AbortSignal.any,
}

function nodeVersion(): string | undefined {
  return (globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node
}

function has(feature: () => unknown): boolean {
  try {
    return feature() !== undefined
  } catch {
    return false
  }
}

/** @throws TokaError TOKA_RUNTIME_UNSUPPORTED naming what is needed */
export function checkRuntime(node = nodeVersion()): void {
  const [major = 0, minor = 0] = (node ?? '').split('.').map(Number)
  if (node !== undefined && (major < NODE[0] || (major === NODE[0] && minor < NODE[1])))
    throw new TokaError('TOKA_RUNTIME_UNSUPPORTED', `toka needs Node ${NODE.join('.')} or newer; this is Node ${node}`)
  const missing = Object.keys(NEEDED).filter((name) => !has(NEEDED[name] as () => unknown))
  if (missing.length > 0)
    throw new TokaError('TOKA_RUNTIME_UNSUPPORTED', `toka needs a newer runtime: this one has no ${missing.join(', ')}`)
}
