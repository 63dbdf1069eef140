/** Guests that never end: loops, one long builtin each, and everything that could swallow an interrupt. */
import { family } from '../guest.ts'

export const timeGuests = family('time', {
  loop: ['an empty loop', 'for (;;) {}', { quick: true }],
  swallow: [
    'a loop that catches every error',
    'for (;;) { try { for (;;) {} } catch {} finally { continue } }',
    { quick: true },
  ],
  'await-loop': ['a loop that awaits', 'while (true) await null', { quick: true }],
  microtasks: [
    'promise jobs without end',
    'const again = () => Promise.resolve().then(again); again(); await new Promise(() => {})',
  ],
  'async-recursion': [
    'an async function that awaits itself',
    'const f = async () => { await null; return f() }; await f()',
  ],
  never: ['a promise that never settles', 'await new Promise(() => {})', { quick: true }],
  generator: [
    "a generator's finally that loops",
    'function* g() { try { yield 1 } finally { for (;;) {} } } for (const x of g()) break',
  ],
  'proxy-trap': ['a builtin that waits for a trap', 'Object.keys(new Proxy({}, { ownKeys() { for (;;) {} } }))'],
  regex: ['backtracking', "/^(a+)+$/.test('a'.repeat(40) + 'b')", { quick: true }],
  'sort-typed': ['one sort of 3,000,000 numbers', 'new Float64Array(3e6).map(Math.random).sort()'],
  'index-of': [
    'indexOf over a length of 2^53 - 1',
    'Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)',
    { quick: true },
  ],
  'join-sparse': ['join of a sparse array of 2^32 - 1', 'new Array(2 ** 32 - 1).join("")'],
  'json-stringify': [
    'JSON.stringify of 2^21 shared nodes',
    'let a = [1]; for (let i = 0; i < 20; i++) a = [a, a]; for (;;) JSON.stringify(a)',
  ],
  'json-parse': ['JSON.parse of 40 MB of white space', "const s = ' '.repeat(4e7) + '1'; for (;;) JSON.parse(s)"],
  'string-search': ['a search that is quadratic', "'a'.repeat(4e5).indexOf('a'.repeat(2e5) + 'b')", { quick: true }],
  normalize: ['normalize of 400,000 combining marks', "('\\u0301\\u0316'.repeat(2e5)).normalize('NFD')"],
  bigint: ['one power and its decimal digits', 'for (;;) (3n ** 600_000n).toString()', { quick: true }],
  'fill-bytes': ['a buffer filled again and again', 'const a = new Uint8Array(4e7); for (;;) a.fill(1)'],
  date: ['dates in the words of a locale', "for (;;) new Date(0).toLocaleString('de-DE', { timeZone: 'Asia/Tokyo' })"],
})
