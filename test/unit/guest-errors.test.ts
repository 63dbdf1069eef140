/** What a run says of a guest's mistake: the place, what lies behind it, and what to do instead. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createToka, type Language, type Toka } from '../../src/index.ts'

let toka: Toka
beforeAll(async () => {
  toka = await createToka({ isolation: 'inline' })
})
afterAll(() => toka.dispose())

async function errorOf(source: string, language: Language = 'javascript') {
  const { error } = await toka.run({ language, source, limits: { timeoutMs: 2_000 } })
  return error ?? { code: 'none', message: 'no error', guestStack: '' }
}

describe('the message of an uncaught error', () => {
  it.each([
    [
      'throw new Error("outer", { cause: new TypeError("inner", { cause: 5 }) })',
      'Error: outer\n[cause]: TypeError: inner\n[cause]: 5',
    ],
    ['throw new AggregateError([new Error("a"), 7], "many")', 'AggregateError: many\n[error]: Error: a\n[error]: 7'],
    ['throw { status: 500 }', 'an object that is no error was thrown: { status: 500 }'],
    ['Promise.reject({ status: 500 })', 'an object that is no error was thrown: { status: 500 }'],
    ['throw 5', 'uncaught number: 5'],
  ])('of %s', async (source, message) => {
    expect(await errorOf(source)).toMatchObject({ code: 'TOKA_GUEST_ERROR', message })
  })

  it.each([
    'const e = new Error("a"); e.cause = e; throw e',
    'throw { get a() { throw 1 }, get cause() { throw 2 } }',
    'throw new Proxy({}, { get() { throw 1 }, ownKeys() { throw 2 } })',
    'const e = new Error("x".repeat(1e6)); e.cause = new Error("y".repeat(1e6)); throw e',
    'throw { errors: { length: 1e9, 0: 1, 1: 2 }, cause: { cause: {} }, big: "x".repeat(1e6), many: Array(1e6).fill(1) }',
    'throw { [Symbol.for("nodejs.util.inspect.custom")]() { throw 1 }, toString() { throw 2 } }',
  ])('is short, whatever is thrown: %s', async (source) => {
    const { code, message } = await errorOf(source)
    expect(code).toBe('TOKA_GUEST_ERROR')
    expect(message.length).toBeLessThan(2_000)
  })
})

describe('the place of a source that does not parse', () => {
  it.each([
    ['javascript', 'const a = 1;\nlet let = 3', '/tool/main.js:2:5'],
    ['typescript', 'const a: number = 1;\nlet x: = 3', '/tool/main.ts:2:8'],
  ] as const)('is in the stack, in %s', async (language, source, place) => {
    const { code, message, guestStack } = await errorOf(source, language)
    expect(code).toBe('TOKA_GUEST_SYNTAX')
    expect(guestStack).toContain(place)
    expect(message).toContain(place.slice(place.indexOf(':') + 1))
  })
})

describe('TypeScript that is not supported is refused, and not dropped in silence', () => {
  it.each([
    ['namespace A { export const x = 1 }', '1:1'],
    ['const a = 1\n  export namespace A.B {\n    export const x = 1 }', '2:3'],
    ['module A { export const x = 1 }', '1:1'],
    ['declare global { interface X {} }\nnamespace A { export const x = 1 }', '2:1'],
  ])('%j', async (source, place) => {
    const { code, message } = await errorOf(source, 'typescript')
    expect(code).toBe('TOKA_GUEST_SYNTAX')
    expect(message).toContain(`namespaces are not supported: use a module or an object (${place})`)
  })

  it('decorators', async () => {
    const { message } = await errorOf('const d = (x: unknown) => x\n@d class A {}\nnew A()', 'typescript')
    expect(message).toContain('decorators are not supported (/tool/main.ts:2:1)')
  })

  it('what only looks like a namespace is taken', async () => {
    const source =
      'declare global {\n  namespace X { type A = 1 }\n}\nconst text = `\nnamespace A {`\n// module B {\ntext.length'
    expect(await errorOf(source, 'typescript')).toMatchObject({ code: 'none' })
  })
})

describe('what a sandbox lacks is named with what there is instead', () => {
  it.each([
    ['new WebSocket("ws://a")', 'WebSocket is not defined: it is not available in a sandbox: give the run a tool'],
    ['new Intl.NumberFormat()', 'Intl is not defined: it is not available'],
    ['module.exports = 1', 'a module with "export default"'],
    ['export default class A {}', 'export a function or a value instead'],
    ['process.stdin.read()', 'for await (const chunk of process.stdin)'],
    ['process.stdin.pipe(process.stdout)', 'for await (const chunk of process.stdin)'],
    ['process.stdin.on("readable", () => {})', 'for await (const chunk of process.stdin)'],
    ['crypto.subtle.digest("SHA-256", new Uint8Array(1))', 'crypto.subtle is not available in a sandbox'],
    ['import { createReadStream } from "fs"\ncreateReadStream', 'a sandbox has a part of this module'],
    ['import x from "./lib/a.js"\nx', 'mount its directory at /tool/lib'],
  ])('%s', async (source, words) => {
    expect((await errorOf(source)).message).toContain(words)
  })

  it('but the names of a program stay its own', async () => {
    expect((await errorOf('fetcher()')).message).toBe('ReferenceError: fetcher is not defined')
    expect((await errorOf('constructor_()')).message).toBe('ReferenceError: constructor_ is not defined')
  })
})
