/** What a guest finds of Node's modules, beside Node's own: the same expressions in both, the same answers. */
import { createRequire } from 'node:module'
import { describe, expect, test } from 'vitest'
import { valueOf } from '../run.ts'

const requireHere = createRequire(import.meta.url)

/** The value of an expression here; `require` is Node's. */
const here = (expression: string): unknown => new Function('require', `return (${expression})`)(requireHere)

/** Values of every kind that deep equality tells apart, and on which Node's releases agree. */
const VALUES = [
  ...['0', '-0', '1', 'NaN', '"1"', '""', 'null', 'undefined', 'true', '1n', 'Symbol.iterator'],
  ...['[]', '[1]', '["1"]', '[,1]', '[undefined, 1]', 'Object.assign([1], { x: 1 })', '{}', '{ a: 1 }', '{ a: "1" }'],
  ...['{ a: undefined }', '{ __proto__: null, a: 1 }', '{ [Symbol.for("s")]: 1 }'],
  ...['new Date(0)', 'new Date(1)', '/a/', '/a/g', 'new Number(1)', 'new String("1")', 'Object(1n)'],
  ...['new Set([1])', 'new Set(["1"])', 'new Set([{ a: 1 }])', 'new Set([{ a: 2 }])', 'new Map([[1, 2]])'],
  ...['new Map([["1", 2]])', 'new Map([[{ a: 1 }, 1]])', 'new Map([[1, { a: 1 }]])', 'new Uint8Array([1])'],
  ...['new Uint8Array([2])', 'new Int8Array([1])', 'new Float32Array([1])', 'new Uint8Array([1]).buffer'],
  ...['new DataView(new Uint8Array([1]).buffer)', 'new Error("a")', 'new Error("b")', 'new TypeError("a")'],
  ...['Object.assign(new Error("a"), { code: 1 })', 'new Error("a", { cause: 1 })'],
  ...['(() => { const c = {}; c.c = c; return c })()', 'Math.max'],
]

/** For each pair of values whether they are equal, as one text. */
const pairs = (compare: string) =>
  `(() => { const a = [${VALUES}]; const b = [${VALUES}]; const equal = ${compare}
    return a.map((x) => b.map((y) => Number(equal(x, y))).join('')).join('\\n') })()`

/** For each value those that it is equal to. */
function rowsOf(text: string): Record<string, string[]> {
  const rows = text.split('\n').map((row, at) => [`${VALUES[at]}`, VALUES.filter((_, other) => row[other] === '1')])
  return Object.fromEntries(rows) as Record<string, string[]>
}

/** Whether an assertion holds, and else the code of its error. */
const outcome = (call: string) =>
  `(() => { const assert = require('assert'); try { ${call}; return 'holds' } catch (error) { return error.code ?? error.message } })()`

const ASSERTIONS = [
  ...['assert(1)', 'assert(0)', 'assert.ok("")', 'assert.equal(1, "1")', 'assert.strict.equal(1, "1")'],
  ...['assert.notEqual(NaN, NaN)', 'assert.strictEqual(NaN, NaN)', 'assert.notStrictEqual(0, -0)', 'assert.fail("x")'],
  ...['assert.deepEqual([1, "2"], ["1", 2])', 'assert.deepStrictEqual({ a: 1 }, { a: 1 })', 'assert.ifError(null)'],
  ...['assert.ifError(new Error("own"))', 'assert.match("abc", /b/)', 'assert.doesNotMatch("abc", /b/)'],
  ...[
    'assert.match(1, /1/)',
    'assert.throws(() => { throw new TypeError("x") }, TypeError)',
    'assert.throws(() => {})',
  ],
  ...['assert.throws(() => { throw new TypeError("x") }, RangeError)', 'assert.throws(() => { throw "x" }, /x/)'],
  ...['assert.throws(() => { throw new Error("x") }, { message: /x/ })', 'assert.throws(1)', 'assert.match("a", "a")'],
  ...[
    'assert.throws(() => { throw new Error("x") }, { message: "y" })',
    'assert.throws(() => { throw 1 }, (e) => e === 1)',
  ],
  ...[
    'assert.doesNotThrow(() => {})',
    'assert.doesNotThrow(() => { throw new Error("own") })',
    'assert(0, new Error("own"))',
  ],
]

const EXPRESSIONS = [
  "require('util').format('%s %d %i %j %o %% %s', 'a', '2', 3.5, { a: 1 }, [1])",
  "require('util').inspect({ a: [1, new Map([[1, { b: 2 }]])], b: new Date(0), c: null })",
  "require('util').stripVTControlCharacters('\\u001b[31mred\\u001b[0m')",
  "Object.entries(require('util').types).filter(([n]) => !/Proxy|External|KeyObject|CryptoKey|Module|Arguments|Shared|EventTarget|isFloat16/.test(n)).map(([n, is]) => n + [new Date(), /a/, [], new Map(), new WeakMap(), new Uint8Array(1), new DataView(new ArrayBuffer(1)), Object(1n), Object(Symbol()), Promise.resolve(), async () => {}, function* () {}, (function* () {})(), new Error('x'), { __proto__: Date.prototype }, new Map().entries(), 1, null].map((v) => Number(is(v))).join('')).sort().join('\\n')",
  ...['md5', 'sha1', 'sha224', 'sha256', 'SHA-256', 'sha384', 'sha512', 'sha512-256', 'sha3-256', 'ripemd160'].map(
    (name) => `require('crypto').createHash('${name}').update('x').update('é', 'latin1').digest('hex')`,
  ),
  "require('crypto').createHmac('sha256', 'key').update('text').digest('base64url')",
  "require('crypto').createHash('sha256').update(Buffer.from([1])).copy().digest().toString('base64')",
  "(() => { const h = require('crypto').createHash('md5'); h.digest(); try { h.update('a') } catch (error) { return error.code } })()",
  "require('crypto').timingSafeEqual(Buffer.from('a'), new Uint8Array([97]))",
  "require('url').fileURLToPath('file:///a%20b/c')",
  "require('url').pathToFileURL('/a#b/c d?%.txt').href",
  "['http://x/', 'file://host/x', 'file:///a%2fb'].map((u) => { try { return require('url').fileURLToPath(u) } catch (error) { return error.code } })",
  "(() => { function A() {} function B() {} require('util').inherits(A, B); return new A() instanceof B && A.super_ === B })()",
]

describe('deep equality', () => {
  test.each(['isDeepStrictEqual', 'isDeepEqual'])('tells apart what Node tells apart: %s', async (form) => {
    const compare =
      form === 'isDeepStrictEqual'
        ? "require('util').isDeepStrictEqual"
        : "((x, y) => { try { require('assert').deepEqual(x, y); return true } catch { return false } })"
    const [seen, expected] = [await valueOf(pairs(compare)), here(pairs(compare))].map((text) => rowsOf(String(text)))
    expect(seen).toEqual(expected)
  })
})

test.each(ASSERTIONS)('%s ends as in Node', async (call) => {
  expect(await valueOf(outcome(call))).toEqual(here(outcome(call)))
})

test.each(EXPRESSIONS)('%s', async (expression) => {
  expect(await valueOf(expression)).toEqual(here(expression))
})
