/** `error.code` of a run: what a host branches on, whoever tries to make it say something else. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool, type GrantInput, type MountOptions, parseRule, type RunRequest } from '../../src/index.ts'
import { run } from '../run.ts'
import { tokaOf, WAYS } from '../isolations.ts'

const fails = defineTool({
  name: 'fails',
  description: '',
  input: z.object({ n: z.number() }),
  run: () => {
    throw new Error('no such customer')
  },
})
const lies = defineTool({
  name: 'lies',
  description: '',
  input: z.object({}),
  output: z.object({ a: z.number() }),
  run: () => ({}) as never,
})
const tools = [fails, lies]
const granted: Partial<RunRequest> = {
  tools,
  grants: [{ resource: 'tool', actions: ['call'], names: ['fails', 'lies'] }],
}
const mounts: MountOptions[] = [{ at: '/data', from: { files: { 'a.txt': 'a' } }, mode: 'ro' }]

describe('an uncaught error', () => {
  test.each<[string, string, Partial<RunRequest>]>([
    ['TOKA_TOOL_FAILED', 'await tools.fails({ n: 1 })', granted],
    ['TOKA_TOOL_FAILED', 'tools.fails.sync({ n: 1 })', granted],
    ['TOKA_TOOL_FAILED', 'void tools.fails({ n: 1 }); 1', granted],
    ['TOKA_TOOL_INPUT', 'await tools.fails({ n: "1" })', granted],
    ['TOKA_TOOL_OUTPUT', 'await tools.lies({})', granted],
    ['TOKA_TOOL_UNKNOWN', 'await tools.nope({})', granted],
    ['TOKA_VALUE_SIZE', 'await tools.fails({ n: "x".repeat(200_000) })', granted],
    ['TOKA_VALUE_UNSUPPORTED', 'await tools.fails({ n() {} })', granted],
    ['TOKA_VALUE_SIZE', 'import "/big.ts"', { files: { '/big.ts': `//${'x'.repeat(2 ** 20)}` } }],
    ['TOKA_GUEST_ERROR', 'throw new Error("mine")', {}],
  ])('has the code %s: %s', async (code, source, request) => {
    expect(await run(source, request)).toMatchObject({ status: 'failed', exitCode: 1, error: { code } })
  })

  test.each(WAYS)('of a denied tool is a denial, with the rule that would allow it (%s)', async (way) => {
    const { error } = await (await tokaOf(way)).run({
      language: 'javascript',
      source: 'await tools.fails({ n: 1 })',
      tools,
    })
    expect(error).toMatchObject({ code: 'TOKA_DENIED', grant: 'tool.call=fails' })
    expect(parseRule(error?.grant ?? '')).toMatchObject({ resource: 'tool', names: ['fails'] })
    expect(error?.message).not.toMatch(/tool\.call/)
    expect(error?.guestStack).not.toMatch(/tool\.call/)
  })

  test.each([
    'require("fs").readFileSync("/data/a.txt")',
    'import "/data/a.txt"',
    'await require("fs").promises.stat("/data/a.txt")',
  ])('of a denied file is a denial too: %s', async (source) => {
    expect((await run(source, { mounts })).error).toMatchObject({ code: 'TOKA_DENIED', grant: 'fs.read=/data/**' })
  })

  test('of the program itself, denied, is a denial', async () => {
    const toka = await tokaOf('inline')
    expect((await toka.run({ language: 'javascript', file: '/data/a.txt', mounts })).error).toMatchObject({
      code: 'TOKA_DENIED',
      grant: 'fs.read=/data/**',
    })
  })

  test('names the rule of its own denial, not of one that was caught', async () => {
    const source =
      'try { require("fs").readFileSync("/data/a.txt") } catch {} try { await tools.fails({ n: 1 }) } catch (e) { try { tools.nothing } catch {} throw e }'
    expect((await run(source, { mounts, tools })).error?.grant).toBe('tool.call=fails')
  })

  test('of a call that has a grant already offers none', async () => {
    const grants: GrantInput[] = [
      { resource: 'tool', actions: ['call'], names: ['lies'], expires: '2020-01-01T00:00:00Z' },
    ]
    const { error } = await run('await tools.lies({})', { tools, grants })
    expect(error?.code).toBe('TOKA_DENIED')
    expect(error?.grant).toBeUndefined()
  })
})

describe('a guest that makes up its error', () => {
  test.each([
    'TOKA_DENIED',
    'EACCES',
    'TOKA_INTERNAL',
    'TOKA_CANCELLED',
    'TOKA_LIMIT_TIME',
    'TOKA_REQUEST_INVALID',
    'x',
  ])('says %s in vain', async (code) => {
    const source = `throw Object.assign(new Error('denied /etc/passwd'), { code: '${code}', grant: 'fs.read=/**' })`
    const { status, error } = await run(source)
    expect(status).toBe('failed')
    expect(error?.code).toBe('TOKA_GUEST_ERROR')
    expect(error).not.toHaveProperty('grant')
  })

  test('cannot ask for another rule than the one of its denial', async () => {
    const source = `try { require('fs').readFileSync('/data/a.txt') } catch {}
      throw Object.assign(new Error('fs.read /etc/passwd'), { code: 'EACCES', grant: 'fs.read=/**', toString() { return 'x' } })`
    expect((await run(source, { mounts })).error?.grant).toBe('fs.read=/data/**')
  })
})
