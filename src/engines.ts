/** The lazy registry: a language in, its engine out; each engine is one dynamic import. */
import type { ExecutionEngine } from './engine.ts'
import type { Language } from './request.ts'

const quickjs = async (): Promise<ExecutionEngine> => (await import('../engines/quickjs/engine.ts')).quickjs

const pyodide = async (): Promise<ExecutionEngine> => (await import('../engines/pyodide/engine.ts')).pyodide

const LOADERS: Readonly<Record<Language, () => Promise<ExecutionEngine>>> = {
  javascript: quickjs,
  typescript: quickjs,
  python: pyodide,
}

export function loadEngine(language: Language): Promise<ExecutionEngine> {
  return LOADERS[language]()
}
