/** The import table of the Python interpreter: complete, typed, and nothing of JavaScript behind it. */
import { expect, test } from 'vitest'
import { borderRows, checkImports, IMPORT_TABLE, importDifferences } from '../../engines/pyodide/imports.ts'
import { readAsset } from '#source'
import { describeModule, type ModuleDescription } from '../../src/loader/describe.ts'

let known: Promise<ModuleDescription> | undefined
function description(): Promise<ModuleDescription> {
  known ??= readAsset('pyodide').then(describeModule)
  return known
}

test('each of the 268 functions that the pinned interpreter imports has its row, with its type', async () => {
  const found = await description()
  expect(found.functionImports.length).toBe(268)
  expect(importDifferences(found)).toEqual([])
  expect(borderRows(found.functionImports).length).toBe(268)
})

test('a new, a missing and a changed import refuse the build, by their names', async () => {
  const found = await description()
  const [first, second, ...others] = found.functionImports as [ModuleDescription['functionImports'][number], never]
  const changed = { ...(second as typeof first), params: ['f32' as const] }
  const stranger = { module: 'env', name: 'emscripten_run_script', params: ['i32' as const], results: [] }
  const mutated = { ...found, functionImports: [changed, stranger, ...others] }
  const refused = () => checkImports(mutated)
  expect(refused).toThrow(/new: env\.emscripten_run_script \(i32\) -> \(\)/)
  expect(refused).toThrow(new RegExp(`missing: ${first.module}\\.${first.name}`))
  expect(refused).toThrow(new RegExp(`changed: ${changed.module}\\.${changed.name}`))
})

test('something else than a function refuses the build', async () => {
  const found = await description()
  const memory = { module: 'env', name: 'memory', kind: 'memory' as const }
  expect(importDifferences({ ...found, otherImports: [...found.otherImports, memory] })).toEqual([
    'new: env.memory, a memory',
  ])
})

test('no function of ours takes or gives a reference of JavaScript', () => {
  const rows = Object.values(IMPORT_TABLE).flatMap((module) => Object.entries(module))
  const withReferences = rows.filter(([, { type }]) => type.includes('externref'))
  expect(withReferences.length).toBeGreaterThan(100)
  expect(withReferences.filter(([, { answer }]) => answer === 'host' || answer === 'waits')).toEqual([])
})

test('what is denied is told to the host and ends the guest', async () => {
  const rows = borderRows((await description()).functionImports)
  const denied = rows.filter(({ name, module }) => IMPORT_TABLE[module]?.[name]?.answer === 'denied')
  expect(denied.length).toBeGreaterThan(140)
  expect(denied.every(({ constant }) => constant?.told && constant.fatal)).toBe(true)
})
