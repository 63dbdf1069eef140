/** Guests that ask for all the memory there is, each by another kind of object. */
import { family } from '../guest.ts'

export const memoryGuests = family('memory', {
  arrays: ['arrays without end', 'const a = []; for (;;) a.push(new Array(1000).fill(1))', { quick: true }],
  'array-at-once': ['one array of 30,000,000 elements as text', "new Array(3e7).fill(7) + ''"],
  strings: ['a string that doubles', "let s = 'x'; for (;;) { s += s + 'y'; s.charCodeAt(1) }"],
  'typed-arrays': [
    'typed arrays, written',
    'const a = []; for (;;) a.push(new Uint8Array(1e6).fill(1))',
    { quick: true },
  ],
  resize: [
    'a buffer that grows, written',
    'const b = new ArrayBuffer(1, { maxByteLength: 2 ** 30 }); for (let n = 2; ; n *= 2) { b.resize(n); new Uint8Array(b).fill(1) }',
  ],
  maps: ['a map without end', 'const m = new Map(); for (let i = 0; ; i++) m.set(i, [i])'],
  closures: ['closures without end', 'const a = []; for (let i = 0; ; i++) a.push(() => i)'],
  stacks: ['the stacks of errors', 'const a = []; for (;;) a.push(new Error("x".repeat(1000)).stack)'],
  regexes: [
    'compiled regular expressions',
    "const a = []; for (let i = 0; ; i++) { const r = new RegExp('(?:a|b)+?'.repeat(500) + i); r.test('a'); a.push(r) }",
  ],
  symbols: ['symbols with long names', "const a = []; for (let i = 0; ; i++) a.push(Symbol.for('x'.repeat(1000) + i))"],
  promises: [
    'promises that never settle',
    'const a = []; for (;;) { a.push(new Promise(() => {}).then(() => a)); if (a.length % 1e5 === 0) await null }',
  ],
})
