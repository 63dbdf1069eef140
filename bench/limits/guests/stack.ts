/** Guests that recurse without end, in their own code and inside builtins and parsers. */
import { family } from '../guest.ts'

export const stackGuests = family('stack', {
  recursion: ['a function that calls itself', 'const f = () => f() + 1; f()', { quick: true }],
  mutual: [
    'two functions, caught at each level',
    'const f = () => { try { return g() } catch { return g() } }; const g = () => f() + 1; f()',
  ],
  'to-json': ['toJSON that stringifies', 'const o = { toJSON() { return JSON.stringify(o) } }; JSON.stringify(o)'],
  getters: ['a getter that reads itself', 'const o = { get a() { return o.a } }; o.a'],
  'proxy-chain': [
    '100,000 proxies around one another',
    'let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x',
  ],
  'bound-chain': [
    '100,000 binds of one function',
    'let f = () => 1; for (let i = 0; i < 1e5; i++) f = f.bind(null); f()',
  ],
  'nested-source': [
    'a source of 50,000 brackets',
    "(0, eval)('('.repeat(5e4) + '1' + ')'.repeat(5e4))",
    { quick: true },
  ],
  'nested-json': ['JSON of 1,000,000 brackets', "JSON.parse('['.repeat(1e6))"],
  'nested-regex': ['an expression of 50,000 groups', "new RegExp('(?:'.repeat(5e4) + ')'.repeat(5e4))"],
  flatten: [
    'flat and stringify of 100,000 levels',
    'let a = []; for (let i = 0; i < 1e5; i++) a = [a]; try { a.flat(Infinity) } catch {} JSON.stringify(a)',
  ],
})
