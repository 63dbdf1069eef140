/** `Buffer` in a JavaScript guest: what Node's own answers, and where a guest meets one without asking. */
import { describe, expect, test } from 'vitest'
import { run, valueOf } from '../run.ts'

/** What Node answers, written down: expression and value. */
const EXPRESSIONS: [string, unknown][] = [
  ["Buffer.from('héllo').toString()", 'héllo'],
  ["Buffer.from('héllo') + ''", 'héllo'],
  ["Buffer.from('héllo').toString('hex')", '68c3a96c6c6f'],
  ["Buffer.from('68c3a96c6c6fz', 'hex').toString('utf-8')", 'héllo'],
  ["Buffer.from('a€').toString('base64')", 'YeKCrA=='],
  ["Buffer.from('YeKCrA', 'base64').toString()", 'a€'],
  ["Buffer.from([0xfb, 0xff]).toString('base64url')", '-_8'],
  ["[...Buffer.from('-_8', 'base64url')]", [0xfb, 0xff]],
  ["[...Buffer.from('é', 'latin1')]", [0xe9]],
  ["Buffer.from([0xe9, 0xff]).toString('latin1')", 'éÿ'],
  ["Buffer.from('é', 'utf16le').toString('hex')", 'e900'],
  ['Buffer.from([0xff, 0x61]).toString()', '\ufffda'],
  ["Buffer.from('abcdef').toString('utf8', 1, 3)", 'bc'],
  ["Buffer.from('abc').toString(undefined, -1, 9)", 'abc'],
  ["Buffer.byteLength('a€')", 4],
  ["Buffer.concat([Buffer.from('a'), new Uint8Array([98])]).toString()", 'ab'],
  ["Buffer.compare(Buffer.from('a'), Buffer.from('b'))", -1],
  ["Buffer.from('a').equals(new Uint8Array([97]))", true],
  ['[Buffer.isBuffer(Buffer.alloc(1)), Buffer.isBuffer(new Uint8Array(1))]', [true, false]],
  ["[Buffer.isEncoding('UTF-8'), Buffer.isEncoding('x'), Buffer.isEncoding('base64url')]", [true, false, true]],
  ["Buffer.alloc(3, 'ab').toString()", 'aba'],
  ["Buffer.from('hello').indexOf('ll')", 2],
  ["Buffer.from('hello').includes(Buffer.from('lo'))", true],
  ["Buffer.from('hello').subarray(1, 3).toString()", 'el'],
  ["Buffer.from('hello').slice(-2).toString()", 'lo'],
  ['Buffer.from([1, 2, 3, 4]).readUInt32BE(0)', 0x01020304],
  ['(() => { const b = Buffer.alloc(4); b.writeInt16LE(-2, 1); return [...b] })()', [0, 0xfe, 0xff, 0]],
  [
    "(() => { const b = Buffer.alloc(4); return [b.write('a€', 0), b.write('-_8', 2, 'base64url'), [...b]] })()",
    [4, 2, [97, 0xe2, 0xfb, 0xff]],
  ],
  ["JSON.stringify(Buffer.from('a'))", '{"type":"Buffer","data":[97]}'],
  ["require('buffer').Buffer === Buffer && require('node:buffer').Buffer === Buffer", true],
  ["Buffer.from('a') instanceof Uint8Array", true],
  ['typeof Buffer', 'function'],
]

describe('Buffer', () => {
  test.each(EXPRESSIONS)('answers what Node does: %s', async (expression, value) => {
    expect(await valueOf(expression)).toEqual(value)
  })

  test('is imported by name, and says what it has not', async () => {
    expect(
      await valueOf(
        "import { Buffer, kMaxLength } from 'node:buffer'\nexport default [`${Buffer.from('a')}`, kMaxLength > 1e9]",
      ),
    ).toEqual(['a', true])
    const result = await run("require('buffer').transcode")
    expect(result.error?.message).toMatch(/buffer\.transcode is not available in a sandbox/)
  })

  test('refuses encodings that there are not', async () => {
    const value = await valueOf("let e; try { Buffer.from('a').toString('utf7') } catch (x) { e = [x.name, x.code] } e")
    expect(value).toEqual(['TypeError', 'ERR_UNKNOWN_ENCODING'])
  })

  test('reaches the host as plain bytes', async () => {
    const value = await valueOf("Buffer.from('ab')")
    expect(value).toEqual(new Uint8Array([97, 98]))
    expect((value as Uint8Array).constructor).toBe(Uint8Array)
  })

  test('converts a megabyte of text in the engine: a loop in JavaScript would burn ten times as much', async () => {
    const result = await run("Buffer.from(Buffer.from('é'.repeat(500_000)).toString('hex'), 'hex').toString().length")
    expect(result.value).toBe(500_000)
    expect(result.usage.fuel).toBeLessThan(15_000_000)
  })

  test('is shown as Node shows it', async () => {
    expect((await run("console.log(Buffer.from('hi'))")).stdout).toBe('<Buffer 68 69>\n')
  })
})

describe('where bytes come from', () => {
  const stdin = 'hé\n'

  test('chunks of standard input join to its text', async () => {
    expect(await valueOf("let s = ''; for await (const chunk of process.stdin) s += chunk; s", { stdin })).toBe(stdin)
    const events =
      "await new Promise((done) => { let s = ''; process.stdin.on('data', (c) => { s += c.toString() }).on('end', () => done(s)) })"
    expect(await valueOf(events, { stdin })).toBe(stdin)
  })

  test.each([
    "require('fs').readFileSync('/f')",
    "await require('fs').promises.readFile('/f')",
    "await new Promise((done, no) => require('fs').readFile('/f', (e, b) => (e ? no(e) : done(b))))",
    "(await (await require('fs/promises').open('/f')).readFile())",
    "(await (await require('fs/promises').open('/f')).read()).buffer.subarray(0, 2)",
  ])('a file without an encoding is a Buffer: %s', async (source) => {
    expect(
      await valueOf(`const b = ${source}; [Buffer.isBuffer(b), b.toString(), b + '']`, { files: { '/f': 'hi' } }),
    ).toEqual([true, 'hi', 'hi'])
  })
})
