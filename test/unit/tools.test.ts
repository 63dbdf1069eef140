/** Host tools as a guest calls them: awaited, blocking, overlapping, checked on both sides, gated. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool, type GrantInput, type Tool, TokaError } from '../../src/index.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { encodeValue } from '../../src/kernel/values.ts'
import { Toolbox } from '../../src/tool.ts'
import { run } from '../run.ts'

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const allow = (...names: string[]): GrantInput[] => [{ resource: 'tool', actions: ['call'], names }]

const add = defineTool({
  name: 'add',
  description: 'Adds two numbers',
  input: z.object({ a: z.number(), b: z.number() }),
  output: z.object({ sum: z.number() }),
  readOnly: true,
  run: ({ a, b }) => ({ sum: a + b }),
})
const slow = defineTool({
  name: 'slow',
  description: 'Answers after 100 ms',
  input: z.object({ n: z.number() }),
  run: async ({ n }) => {
    await sleep(100)
    return n * 2
  },
})
const failing = defineTool({
  name: 'failing',
  description: 'Throws',
  input: z.object({}),
  run: () => {
    throw Object.assign(new Error("ENOENT: no such file, open '/home/host/secret.txt'"), {
      path: '/home/host/secret.txt',
    })
  },
})
const with_ = (tools: Tool[], ...names: string[]) => ({ tools, grants: allow(...names) })

describe('a granted tool', () => {
  test('is called in the awaited form', async () => {
    expect(await run('await tools.add({ a: 1, b: 2 })', with_([add], 'add'))).toMatchObject({
      status: 'completed',
      value: { sum: 3 },
      denials: [],
    })
  })

  test('is called in the blocking form', async () => {
    expect(await run('tools.add.sync({ a: 1, b: 2 }).sum', with_([add], 'add'))).toMatchObject({
      status: 'completed',
      value: 3,
    })
  })

  test('that answers later blocks the guest, and says so where neither guest nor thread can wait', async () => {
    const source = 'let r; try { r = tools.slow.sync({ n: 4 }) } catch (e) { r = e.code }; r'
    expect((await run(source, with_([slow], 'slow'))).value).toBe(8)
    const inline = await run(source, { ...with_([slow], 'slow'), isolation: 'inline' })
    expect(inline.value).toBe((await canSuspend()) ? 8 : 'TOKA_CALL_BLOCKING')
  })

  test('overlaps with its siblings: ten calls of 100 ms take less than 300 ms', async () => {
    const result = await run(
      'await Promise.all(Array.from({ length: 10 }, (_, n) => tools.slow({ n })))',
      with_([slow], 'slow'),
    )
    expect(result.value).toEqual(Array.from({ length: 10 }, (_, n) => n * 2))
    expect(result.usage.wallMs).toBeLessThan(300)
  })

  test('refuses arguments that its schema does not allow, with the place', async () => {
    const result = await run(
      'let e; try { await tools.add({ a: 1, b: "2" }) } catch (x) { e = x }; [e.code, e.message, e instanceof Error]',
      with_([add], 'add'),
    )
    expect(result.value).toMatchObject(['TOKA_TOOL_INPUT', expect.stringMatching(/\$\.b/), true])
  })

  test('that breaks its own promise is an error of the tool', async () => {
    const liar = defineTool({
      name: 'liar',
      description: '',
      input: z.object({}),
      output: z.object({ n: z.number() }),
      run: () => ({ n: 'x' }) as never,
    })
    const result = await run('let e; try { await tools.liar({}) } catch (x) { e = x.code }; e', with_([liar], 'liar'))
    expect(result.value).toBe('TOKA_TOOL_OUTPUT')
  })

  test('that throws reaches the guest as an error without host paths or stacks', async () => {
    const result = await run(
      'let e; try { await tools.failing({}) } catch (x) { e = x }; [e.code, e.message, e.stack]',
      with_([failing], 'failing'),
    )
    expect(JSON.stringify(result.value)).toMatch(/TOKA_TOOL_FAILED/)
    expect(JSON.stringify(result.value)).not.toMatch(/home|tools\.test/)
  })
})

describe('a call under way when the run is stopped', () => {
  test('is aborted, named in `pending` with its key, and its late result is dropped', async () => {
    let key = ''
    let aborted = false
    const hang = defineTool({
      name: 'hang',
      description: '',
      input: z.object({}),
      run: (_input, { signal, idempotencyKey }) => {
        key = idempotencyKey
        signal.addEventListener('abort', () => (aborted = true))
        return new Promise((resolve) => setTimeout(() => resolve('late'), 120))
      },
    })
    const result = await run('await tools.hang({})', { ...with_([hang], 'hang'), limits: { timeoutMs: 50 } })
    expect(result).toMatchObject({ status: 'limit', error: { code: 'TOKA_LIMIT_TIME' } })
    expect(result.pending).toEqual([{ tool: 'hang', idempotencyKey: key }])
    expect(aborted).toBe(true)
    await sleep(100)
  })
})

describe('a tool that is not granted', () => {
  test('is denied, with the rule that would allow it for the host alone', async () => {
    const result = await run(
      'let e; try { await tools.add({ a: 1, b: 2 }) } catch (x) { e = x }; [e.code, e.message]',
      { tools: [add] },
    )
    expect(result.status).toBe('completed')
    expect(result.denials).toHaveLength(1)
    expect(result.denials[0]).toMatchObject({ operation: 'tool.call', resource: 'add' })
    expect(result.denials[0]?.allow).toMatch(/tool\.call=add/)
    expect(JSON.stringify(result.value)).not.toMatch(/--allow/)
  })

  test('does not run', async () => {
    let calls = 0
    const counted = defineTool({ name: 'counted', description: '', input: z.object({}), run: () => void calls++ })
    await run('try { await tools.counted({}) } catch {}; try { tools.counted.sync({}) } catch {}', { tools: [counted] })
    expect(calls).toBe(0)
  })
})

describe('a definition', () => {
  test.each([
    [
      'a schema that is not an object',
      () => defineTool({ name: 'x', description: '', input: z.string(), run: () => 1 }),
    ],
    [
      'a name that is no identifier',
      () => defineTool({ name: 'a b', description: '', input: z.object({}), run: () => 1 }),
    ],
    ['no function', () => defineTool({ name: 'x', description: '', input: z.object({}), run: 1 as never })],
  ])('with %s is refused', (_name, define) => {
    expect(define).toThrow(TokaError)
  })

  test('of the same name twice is refused', async () => {
    await expect(run('1', { tools: [add, add] })).rejects.toMatchObject({ code: 'TOKA_TOOL_INVALID' })
  })
})

test.each([
  ['input', 'TOKA_TOOL_INPUT', 'odd'],
  ['output', 'TOKA_TOOL_OUTPUT', 'odd answered something else than it promises'],
] as const)('a schema of the %s that throws, or is asynchronous, says no', (side, code, beginning) => {
  const schemas = {
    throwing: z.object({ text: z.string().transform((text): unknown => JSON.parse(text)) }),
    asynchronous: z.object({ text: z.string().refine(async () => true) }),
  }
  for (const schema of Object.values(schemas)) {
    const tool = defineTool({
      name: 'odd',
      description: '',
      input: side === 'input' ? schema : z.object({ text: z.string() }),
      ...(side === 'output' ? { output: schema as z.ZodType } : {}),
      run: () => ({ text: '{' }),
    })
    const call = () => new Toolbox([tool]).call('odd', encodeValue({ text: '{' }), new AbortController().signal)
    expect(call).toThrow(expect.objectContaining({ code, message: expect.stringContaining(beginning) }))
  }
})
