/** Host tools as Python calls them: blocking, awaited, overlapping, documented, and with their errors as exceptions. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool, type GrantInput, type Tool } from '../../src/index.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { notebook, preparePython, python, pythonValue } from '../python.ts'

preparePython()

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const given = (...tools: Tool[]): { tools: Tool[]; grants: GrantInput[] } => ({
  tools,
  grants: [{ resource: 'tool', actions: ['call'], names: tools.map(({ name }) => name) }],
})

const lookup = defineTool({
  name: 'lookup',
  description: 'Find a customer.',
  input: z.object({
    id: z.string().describe('the key'),
    kind: z.enum(['person', 'firm']).optional(),
    most: z.number().int().default(3),
    tags: z.array(z.string()).optional(),
  }),
  output: z.object({ name: z.string() }),
  readOnly: true,
  run: ({ id }) => ({ name: `customer ${id}` }),
})
const echo = defineTool({
  name: 'echo',
  description: 'Answers its argument',
  input: z.object({ value: z.unknown() }),
  run: ({ value }) => value,
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
    throw new Error('there is no such customer')
  },
})

describe('a tool', () => {
  test('is a function that blocks', async () => {
    expect(await pythonValue('from toka import tools\ntools.lookup(id="7")["name"]', given(lookup))).toBe('customer 7')
  })

  test('is a coroutine function as its `aio`', async () => {
    const source = 'from toka import tools\n(await tools.lookup.aio(id="7"))["name"]'
    expect(await pythonValue(source, given(lookup))).toBe('customer 7')
  })

  test('overlaps with its siblings under gather: the fastest of three times ten calls of 100 ms takes less than 500 ms', async () => {
    const source = `import asyncio
from toka import tools
await asyncio.gather(*(tools.slow.aio(n=n) for n in range(10)))`
    const times: number[] = []
    for (let round = 0; round < 3; round++) {
      const result = await python(source, given(slow))
      expect(result.value).toEqual(Array.from({ length: 10 }, (_, n) => n * 2))
      times.push(result.usage.wallMs)
    }
    expect(Math.min(...times)).toBeLessThan(500)
  })

  test('that answers later blocks the program, and says so where neither it nor its thread can wait', async () => {
    const source = `from toka import tools, TokaError
try:
    r = tools.slow(n=4)
except TokaError as e:
    r = e.code
r`
    expect(await pythonValue(source, given(slow))).toBe(8)
    for (const form of [source, source.replace('tools.slow', 'await tools.slow.aio')]) {
      const inline = await pythonValue(form, { ...given(slow), isolation: 'inline' })
      expect(inline).toBe((await canSuspend()) ? 8 : 'TOKA_CALL_BLOCKING')
    }
  })

  test('works in the middle of a C function that calls back', async () => {
    const source = 'from toka import tools\nsorted([3, 1, 2], key=lambda n: tools.slow(n=n))'
    expect(await pythonValue(source, given(slow))).toEqual([1, 2, 3])
  })

  test('gets and answers bytes, big integers, dates, None, nan and nested structures unharmed', async () => {
    const source = `import datetime, math
from toka import tools, undefined
given = {"bytes": b"\\x00\\xff", "big": 2**70, "date": datetime.datetime(2025, 1, 1, tzinfo=datetime.timezone.utc),
         "none": None, "nested": [[], {"a": [1.5, -0.0]}], "undefined": undefined, "map": {1: {2, }}}
back = tools.echo(value=given)
[back == given, math.copysign(1, back["nested"][1]["a"][1]), math.isnan(tools.echo(value=float("nan"))), back]`
    const [same, sign, isNan, back] = (await pythonValue(source, given(echo))) as unknown[]
    expect([same, sign, isNan]).toEqual([true, -1, true])
    expect(back).toMatchObject({ bytes: new Uint8Array([0, 255]), big: 2n ** 70n, none: null })
  })

  test('takes its arguments by name, and says how', async () => {
    const { error } = await python('from toka import tools\ntools.lookup("7")', given(lookup))
    expect(error?.message).toContain("lookup(*, id: str, kind: Literal['person', 'firm'] = None, most: int = 3")
  })

  test('is listed, found by name, and anew in each run', async () => {
    const source =
      'from toka import tools\n[list(tools), "lookup" in tools, tools["lookup"] is tools.lookup, dir(tools)]'
    expect(await pythonValue(source, given(lookup, echo))).toEqual([['lookup', 'echo'], true, true, ['echo', 'lookup']])
    expect(await pythonValue('from toka import tools\nlen(tools)')).toBe(0)
  })
})

describe('help', () => {
  test("shows a tool's description, signature and arguments from its schema", async () => {
    const { stdout } = await python('from toka import tools\nhelp(tools.lookup)', given(lookup))
    expect(stdout).toContain('lookup(')
    expect(stdout).toContain('id: str')
    expect(stdout).toContain("kind: Literal['person', 'firm'] = None")
    expect(stdout).toContain('Find a customer.')
    expect(stdout).toContain('id (str): the key')
    expect(stdout).toContain('tags (list[str], optional)')
    expect(stdout).toContain('Returns: dict of name: str')
  })

  test('of every kind of schema is no error', async () => {
    const odd = defineTool({
      name: 'odd',
      description: 'Takes anything',
      input: z.looseObject({
        union: z.union([z.string(), z.number(), z.null()]),
        literal: z.literal(['a', 1, true]),
        record: z.record(z.string(), z.array(z.number())),
        tuple: z.tuple([z.string(), z.number()]),
        'not-a-name': z.string(),
        class: z.boolean(),
        deep: z.object({ a: z.object({ b: z.array(z.object({ c: z.array(z.array(z.string())) })) }) }),
      }),
      run: () => 1,
    })
    const { stdout, status } = await python('from toka import tools\nhelp(tools.odd)', given(odd))
    expect([status, stdout]).toEqual(['completed', expect.stringContaining('union: str | float | None')])
    expect(stdout).toContain('record: dict[str, list[float]]')
    expect(stdout).toContain('not-a-name (str)')
  })
})

describe("a tool's failure is an exception", () => {
  test.each([
    ['failing()', 'ToolError', 'TOKA_TOOL_FAILED', 'there is no such customer'],
    ['lookup(id=7)', 'ToolInputError', 'TOKA_TOOL_INPUT', 'id'],
    ['lookup()', 'ToolInputError', 'TOKA_TOOL_INPUT', 'id'],
    ['nope()', 'UnknownTool', 'TOKA_TOOL_UNKNOWN', "no tool is named 'nope'; there are: lookup, failing, echo"],
    ['lookup(id=object())', 'ValueUnsupported', 'TOKA_VALUE_UNSUPPORTED', '$.id is of type object'],
    ['lookup(id="x" * 200_000)', 'ValueTooLarge', 'TOKA_VALUE_SIZE', '131,072 bytes'],
    ['echo(value=1)', 'Denied', 'TOKA_DENIED', 'not allowed'],
  ])('tools.%s', async (call, kind, code, message) => {
    const aio = call.replace('(', '.aio(')
    const source = `from toka import tools, TokaError
found = []
for awaited in (False, True):
    try:
        if awaited: await tools.${aio}
        else: tools.${call}
    except TokaError as e:
        found.append([type(e).__name__, e.code, str(e)])
found`
    const all = given(lookup, failing, echo)
    const grants: GrantInput[] = [{ resource: 'tool', actions: ['call'], names: ['lookup', 'failing'] }]
    const told = [kind, code, expect.stringContaining(message)]
    expect(await pythonValue(source, { ...all, grants })).toEqual([told, told])
  })

  test('is of the kinds that Python code catches', async () => {
    const source = `from toka import Denied, ToolInputError, UnknownTool, NetworkTimeout, tools
[issubclass(Denied, PermissionError), issubclass(ToolInputError, ValueError), issubclass(NetworkTimeout, TimeoutError),
 hasattr(tools, "nope"), isinstance(Denied("x"), OSError), Denied("x").errno == 2]`
    expect(await pythonValue(source, given(lookup))).toEqual([true, true, true, false, true, true])
  })

  test('that nobody catches has a traceback without frames of ours, and its code', async () => {
    const { error } = await python('from toka import tools\ntools.failing()', { ...given(failing), file: '/tool/a.py' })
    expect(error?.code).toBe('TOKA_TOOL_FAILED')
    expect(error?.guestStack).toBe(`Traceback (most recent call last):
  File "/tool/a.py", line 2, in <module>
    tools.failing()
    ~~~~~~~~~~~~~^^
toka.ToolError: ${error?.message.replace('toka.ToolError: ', '')}
`)
  })
})

describe('progress and display', () => {
  test('are told as events, in the order of what is printed', async () => {
    await notebook(async (_, sandbox) => {
      const source = `from toka import display, progress
class Table:
    def _repr_html_(self): return "<table/>"
    def _repr_png_(self): return b"png"
print("one")
progress(0.5, "half")
display(Table())
display({"text/latex": "$x$", "application/json": {"a": [1]}}, raw=True)
print("two")`
      const events = []
      for await (const event of sandbox.stream({ source })) events.push(event)
      const kinds = events.map((event) => event.type).filter((type) => type !== 'result')
      expect(kinds).toEqual(['stdout', 'progress', 'display', 'display', 'stdout'])
      expect(events[1]).toEqual({ type: 'progress', fraction: 0.5, message: 'half' })
      expect(events[2]).toEqual({
        type: 'display',
        data: {
          'text/html': '<table/>',
          'image/png': new TextEncoder().encode('png'),
          'text/plain': expect.stringContaining('Table object'),
        },
      })
      expect(events[3]).toEqual({
        type: 'display',
        data: { 'text/latex': '$x$', 'application/json': '{"a": [1]}' },
      })
    })
  })
})
