/** Everything that a guest or a caller hands over and that is too large: a typed error that names it, its size and the limit. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool, type RunRequest, TokaError } from '../../src/index.ts'
import { run, toka, valueOf } from '../run.ts'

const MiB = 2 ** 20

const take = defineTool({
  name: 'take',
  description: '',
  input: z.object({ s: z.unknown() }),
  run: () => 'taken',
})
const give = defineTool({
  name: 'give',
  description: '',
  input: z.object({ kind: z.string() }),
  run: ({ kind }) =>
    kind === 'text' ? { s: 'x'.repeat(200_000) } : kind === 'flat' ? 'x'.repeat(5 * MiB) : Array(70_000).fill(1),
})
const tools: Partial<RunRequest> = {
  tools: [take, give],
  grants: [{ resource: 'tool', actions: ['call'], names: ['take', 'give'] }],
}

/** Code and message of what an expression of the guest throws. */
async function thrown(
  expression: string,
  request: Partial<RunRequest> = {},
): Promise<{ code: string; message: string }> {
  const source = `let r; try { r = await (${expression}); r = [typeof r] } catch (e) { r = [e.code, e.message] }; r`
  const [code, message] = (await valueOf(source, { ...tools, ...request })) as [string, string]
  return { code, message }
}

describe('a tool', () => {
  test.each(['tools.take', 'tools.take.sync'])('called by %s names an argument that is too large', async (call) => {
    expect(await thrown(`${call}({ s: 'x'.repeat(131072) })`)).toEqual({
      code: 'TOKA_VALUE_SIZE',
      message: 'the argument of take cannot cross the border: it is 131,080 bytes; limits.structuredBytes is 131,072',
    })
    expect(await thrown(`${call}({ s: new Uint8Array(200_000) })`)).toMatchObject({ code: 'TOKA_VALUE_SIZE' })
    const { code, message } = await thrown(`${call}({ s: Array(70_000).fill(1) })`)
    expect([code, message]).toEqual(['TOKA_VALUE_SIZE', expect.stringMatching(/argument of take.* 65,536 values/)])
    const flat = await thrown(`${call}('x'.repeat(5_000_000))`)
    expect(flat).toMatchObject({
      code: 'TOKA_VALUE_SIZE',
      message: expect.stringMatching(/take.*5,000,00\d.*flatBytes/),
    })
  })

  test('takes larger arguments when the limit of the sandbox is raised', async () => {
    expect(
      await valueOf('await tools.take({ s: "x".repeat(200_000) })', { ...tools, limits: { structuredBytes: MiB } }),
    ).toBe('taken')
  })

  test('whose result is too large says which, how large and what the limit is', async () => {
    expect(await thrown('tools.give({ kind: "text" })')).toEqual({
      code: 'TOKA_VALUE_SIZE',
      message:
        'the result of give cannot cross the border: $.s is 200,000 bytes long; at most 131,072 bytes can cross (limits.structuredBytes)',
    })
    expect((await thrown('tools.give({ kind: "flat" })')).message).toMatch(/5,242,880.*limits\.flatBytes/)
    expect((await thrown('tools.give({ kind: "many" })')).message).toMatch(
      /the result of give.*more than 65,536 values$/,
    )
  })
})

describe('the result of a run', () => {
  test.each(['', 'export default '])('beyond 16 MiB is a failure that says so: %snew Uint8Array', async (before) => {
    const result = await run(`${before}new Uint8Array(16 * 2 ** 20)`)
    expect(result).toMatchObject({
      status: 'failed',
      exitCode: 1,
      error: {
        code: 'TOKA_VALUE_SIZE',
        message: 'the result is 16777221 bytes; at most 16777216 bytes can cross the border',
      },
    })
    expect(await valueOf('1 + 1')).toBe(2)
  })

  test('that is too deep has a short message', async () => {
    const result = await run('let a = {}; for (let i = 0; i < 200; i++) a = { aLongNameOfAMember: a }; a')
    expect(result.error?.code).toBe('TOKA_VALUE_SIZE')
    expect(result.error?.message).toMatch(/^\$\.aLongName.*… is deeper than 128 levels$/)
    expect(result.error?.message.length).toBeLessThan(300)
  })
})

describe('names', () => {
  const long = "'/' + 'x'.repeat(200_000)"

  test.each([
    ['renameSync', `require('fs').renameSync(${long}, '/b')`],
    ['symlinkSync', `require('fs').symlinkSync('x'.repeat(20_000), '/b')`],
    ['readFileSync', `require('fs').readFileSync(${long})`],
    ['chdir', `process.chdir(${long})`],
  ])('of files are too long for %s as in Node', async (_name, expression) => {
    expect((await thrown(expression)).code).toBe('ENAMETOOLONG')
  })

  test('of modules are too long to be found', async () => {
    expect(await thrown(`import(${long})`)).toEqual({
      code: 'TOKA_VALUE_SIZE',
      message: expect.stringMatching(/^the name of the module .* 131,072 bytes$/),
    })
    expect((await thrown("import('x'.repeat(100_000))")).message.length).toBeLessThan(1_000)
  })

  test.each(["'x'.repeat(300)", "''", "'a\\0b'"])('of variables that none can have are unset: %s', async (name) => {
    expect(await valueOf(`[process.env[${name}]]`)).toEqual([undefined])
  })
})

describe('a request', () => {
  const refused = async (request: Partial<RunRequest>) =>
    (await toka()).run({ language: 'javascript', source: '1', ...request }).then(
      () => 'no error',
      (error: unknown) => (error instanceof TokaError ? `${error.code} ${error.message}` : error),
    )

  test('names an input that is too large', async () => {
    expect(await refused({ input: 'x'.repeat(17 * MiB) })).toBe(
      'TOKA_VALUE_SIZE input: $ is 17,825,792 bytes long; at most 16,777,216 bytes can cross',
    )
  })

  test('names a source that is too large, before anything of it is read', async () => {
    const most = 8 * MiB
    expect(await refused({ source: `//${'x'.repeat(most)}` })).toMatch(
      /^TOKA_REQUEST_INVALID .*source: is 8,388,610 bytes; the most is 8,388,608 bytes$/,
    )
    expect(await refused({ source: `//${'é'.repeat(most / 2)}` })).toMatch(/source: is 8,388,610 bytes/)
    expect(await valueOf(`//${'x'.repeat(most - 4)}\n1`)).toBe(1)
  })

  test('names a file that no guest can name', async () => {
    expect(await refused({ file: `/${'x'.repeat(5_000)}` })).toMatch(/^TOKA_REQUEST_INVALID .*file.*4096 bytes/)
    expect(await refused({ file: '/\ud800' })).toMatch(/^TOKA_REQUEST_INVALID .*file.*well-formed/)
  })
})
