/** The lazy registry: a language and what it is given in, the engine out; each engine is one dynamic import. */
import type { ExecutionEngine, GuestModule } from './engine.ts'
import { TokaError } from './errors.ts'
import type { Language } from './request.ts'

const ENGINES = {
  quickjs: async (): Promise<ExecutionEngine> => (await import('../engines/quickjs/engine.ts')).quickjs,
  pyodide: async (): Promise<ExecutionEngine> => (await import('../engines/pyodide/engine.ts')).pyodide,
  component: async (): Promise<ExecutionEngine> => (await import('../engines/component/engine.ts')).component,
  wasi: async (): Promise<ExecutionEngine> => (await import('../engines/wasi/engine.ts')).wasi,
} as const

type EngineName = keyof typeof ENGINES

const BY_LANGUAGE: Readonly<Record<Language, EngineName>> = {
  javascript: 'quickjs',
  typescript: 'quickjs',
  python: 'pyodide',
  wasm: 'wasi',
}

/** Whether bytes are a component: by the layer in the preamble, never by a name (component-model, Binary.md). */
function isComponent({ bytes }: GuestModule): boolean {
  return bytes[6] === 1 && bytes[7] === 0
}

/** The engine of a language, and of what is given with it. */
export function loadEngine(language: Language, guest?: GuestModule): Promise<ExecutionEngine> {
  return ENGINES[guest && isComponent(guest) ? 'component' : BY_LANGUAGE[language]]()
}

/**
 * The engine that made an image.
 * @throws TokaError TOKA_IMAGE_INVALID for a name that no engine has
 */
export async function loadEngineOf(image: { engine: string }): Promise<ExecutionEngine> {
  if (!Object.hasOwn(ENGINES, image.engine))
    throw new TokaError('TOKA_IMAGE_INVALID', `no engine is named ${JSON.stringify(image.engine.slice(0, 100))}`)
  return ENGINES[image.engine as EngineName]()
}
