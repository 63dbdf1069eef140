/** Guests that look for the host's realm, spoil it, or run on in it: by what they return and throw, and by what they are handed. */
import { family } from '../guest.ts'

/** The host plants a secret in its globals and its environment: who returns it has been there. */
const LOOK = `
  const found = []
  const look = (make) => { try { const g = make(); found.push(String(g?.hostSecret ?? g?.process?.env?.HOST_SECRET ?? g?.env?.HOST_SECRET)) } catch (e) { found.push('no') } }
  const walk = (x) => { for (const f of [x?.constructor, x?.constructor?.constructor, x?.__proto__?.constructor?.constructor]) look(() => f('return globalThis')()) }
`

export const hostGuests = family('host', {
  globals: [
    'globalThis, process and require',
    `${LOOK} look(() => globalThis); look(() => process); look(() => require('node:process')); look(() => process.mainModule.require('node:process'))
    return found`,
    { quick: true },
  ],
  imports: [
    "import of a module of Node's, and the error of that",
    `${LOOK} try { const p = await import('node:process'); look(() => p.default) } catch (e) { walk(e) }
    try { await import('node:fs') } catch (e) { walk(e) } return found`,
  ],
  'constructor-walk': [
    'constructors of globals, of this, and of the function that the host gave',
    `${LOOK} walk(globalThis); walk(call); walk(found); walk(function* () {}); look(() => call.constructor('return globalThis')()); try { walk(console.log) } catch {} return found`,
    { quick: true },
  ],
  'handed-values': [
    'constructors of promises, results and errors of the host',
    `${LOOK} try { const p = call({ want: 'object' }); walk(p); walk(await p); walk((await p).list); walk(async () => 1) } catch {}
    try { await call({ want: 'throw' }) } catch (e) { walk(e); walk(e.cause); found.push(String(e.stack)) }
    try { await call({ get want() { throw new Error('mine') } }) } catch (e) { walk(e) } return found`,
    { quick: true },
  ],
  'call-sites': [
    'Error.prepareStackTrace',
    `${LOOK} Error.prepareStackTrace = (e, sites) => { for (const s of sites ?? []) { try { walk(s); walk(s.getThis()); walk(s.getFunction()) } catch {} } return 'x' }
    try { String(new Error('a').stack) } catch {} try { call(new Proxy({}, { get() { throw String(new Error('b').stack) } }))?.catch?.(() => 0) } catch {}
    const deep = () => deep(); try { deep() } catch (e) { walk(e); String(e.stack) } return found`,
  ],
  pollution: [
    '`__proto__` in arguments and results',
    `const bad = () => JSON.parse('{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}')
    try { await call({ want: 'echo', data: bad() }) } catch {} try { await call(bad()) } catch {}
    try { const o = await call({ want: 'object' }); o.__proto__.polluted = 1; o.constructor.prototype.polluted = 1 } catch {}
    try { call.__proto__.polluted = 1; call.constructor.prototype.polluted = 1 } catch {} return bad()`,
    { quick: true },
  ],
  'getter-result': ['a getter that loops, in the result', 'return { get a() { for (;;) {} } }', { quick: true }],
  'proxy-result': [
    'a proxy as the result, whose every trap loops',
    'const loop = () => { for (;;) {} }; return new Proxy({}, { get: loop, has: loop, ownKeys: loop, getPrototypeOf: loop, getOwnPropertyDescriptor: loop })',
  ],
  thenable: ['a thenable that loops, as the result', 'return { then() { for (;;) {} } }'],
  'thrown-object': [
    'a thrown object, whose every property loops',
    'throw { get message() { for (;;) {} }, get stack() { for (;;) {} }, get name() { for (;;) {} }, toString() { for (;;) {} } }',
    { quick: true },
  ],
  finalizer: [
    'a finalizer that loops after the end',
    'const r = new FinalizationRegistry(() => { for (;;) {} }); for (let i = 0; i < 1000; i++) r.register({ i }, i); globalThis.keep = r; return 1',
  ],
  'late-job': [
    'jobs that run on after the result',
    'const again = () => Promise.resolve().then(again); Promise.resolve().then(again); return 1',
  ],
  'huge-value': ['a result of 100,000,000 characters', "return ['x'.repeat(5e7), 'y'.repeat(5e7)]"],
})
