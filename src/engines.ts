/** The lazy registry: a language and what it is given in, the engine out; each engine is one dynamic import. */
import type { ExecutionEngine } from './engine.ts'
import { TokaError } from './errors.ts'
import type { Language } from './request.ts'

const ENGINES = {
  quickjs: async (): Promise<ExecutionEngine> => (await import('../engines/quickjs/engine.ts')).quickjs,
  wasi: async (): Promise<ExecutionEngine> => (await import('../engines/wasi/engine.ts')).wasi,
} as const

type EngineName = keyof typeof ENGINES

const BY_LANGUAGE: Readonly<Record<Language, EngineName>> = {
  javascript: 'quickjs',
  typescript: 'quickjs',
  wasm: 'wasi',
}

/** The engine of a language. */
export function loadEngine(language: Language): Promise<ExecutionEngine> {
  return ENGINES[BY_LANGUAGE[language]]()
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
