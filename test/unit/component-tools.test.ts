/** Tools made of a component's functions: typed, described, run in sandboxes of their own, and called by other guests. */
import { afterAll, expect, test } from 'vitest'
import { componentTools, createToka } from '../../src/index.ts'
import { describeTool } from '../../src/tool.ts'
import { assembled } from '../component-bench.ts'

const toka = await createToka()

afterAll(() => toka.dispose())

const grants = (names: string[]) => [{ resource: 'tool' as const, actions: ['call' as const], names }]

test('a JavaScript guest calls a component, with values of its types', async () => {
  const tools = await componentTools(toka, {
    module: assembled('types'),
    exports: ['echo-point', 'echo-shape', 'echo-bytes', 'echo-u64'],
  })
  const source = `
    const point = await tools.echoPoint({ x: { x: 1, yAxis: -2 } })
    const shape = await tools.echoShape({ x: { tag: 'square', val: 7n } })
    const bytes = await tools.echoBytes({ x: new Uint8Array([1, 2]) })
    export default [point, shape, bytes.length, await tools.echoU64({ x: 2n ** 63n })]`
  const names = tools.map(({ name }) => name)
  const ended = await toka.run({ language: 'javascript', source, tools, grants: grants(names) })
  expect(ended.error).toBeUndefined()
  expect(ended.value).toEqual([{ x: 1, yAxis: -2 }, { tag: 'square', val: 7n }, 2, 2n ** 63n])
})

test('arguments of another type are refused before the component runs', async () => {
  const [echo] = await componentTools(toka, { module: assembled('types'), exports: ['echo-u8'] })
  const ended = await toka.run({
    language: 'javascript',
    source: 'tools.echoU8.sync({ x: 256 })',
    tools: [echo!],
    grants: grants(['echoU8']),
  })
  expect(ended.error?.code).toBe('TOKA_TOOL_INPUT')
})

test('the types of a function are the schema of its tool', async () => {
  const [echo] = await componentTools(toka, {
    module: assembled('types'),
    exports: ['echo-point'],
    descriptions: { 'echo-point': 'Answers the point' },
  })
  expect(describeTool(echo!)).toMatchObject({
    name: 'echoPoint',
    description: 'Answers the point',
    input: { type: 'object', properties: { x: { type: 'object', required: ['x', 'yAxis'] } }, required: ['x'] },
    output: { type: 'object' },
  })
})

test('an error of a result is the tool’s, and a component without a grant does nothing for its caller', async () => {
  const [ask] = await componentTools(toka, { module: assembled('command'), exports: ['ask'] })
  const ended = await toka.run({
    language: 'javascript',
    source: `let said; try { said = tools.ask.sync({ id: '7' }) } catch (error) { said = error.message } said`,
    tools: [ask!],
    grants: grants(['ask']),
    isolation: 'worker',
  })
  expect(String(ended.value)).toMatch(/no tool|not allowed|unknown/i)
})

test('what no tool can be made of is refused by name', async () => {
  const resources = componentTools(toka, { module: assembled('resources') })
  await expect(resources).rejects.toMatchObject({ code: 'TOKA_TOOL_INVALID' })
  await expect(resources).rejects.toThrow(/a resource, .*; name in `exports` what can be: .*sum, keep, kept/)
  const missing = componentTools(toka, { module: assembled('types'), exports: ['nothing'] })
  await expect(missing).rejects.toThrow('exports: the component has no "nothing"; it has echo-all')
  const core = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)
  await expect(componentTools(toka, { module: core })).rejects.toThrow('tools are made of components')
})
