/** Residue: what one tenant leaves in an instance is gone for the next, to the last byte. */
import { expect, test } from 'vitest'
import { quickjs } from '../../engines/quickjs/engine.ts'
import { forkOn, makeBench, runOn, testIo } from '../engine-bench.ts'

const SECRET = 'planted-secret-0123456789abcdef!'

/** Plants the secret, built at run time so that it is in no source, wherever a guest can. */
const PLANT = `
  const secret = [${[...SECRET].map((char) => char.charCodeAt(0)).join()}].map((c) => String.fromCharCode(c)).join('')
  globalThis.kept = [secret, new TextEncoder().encode(secret), { [secret]: 1 }, Symbol(secret), () => secret, new Map([[secret, secret]])]
  globalThis[secret] = secret
  Array.prototype.planted = secret
  const deep = (n) => n === 0 ? kept.map(String).length : deep(n - 1) + secret.length * 0
  deep(200)
  await import('data:' + secret).catch(() => {})
  setTimeout(() => {}, 0)
  let big = ''
  for (let i = 0; i < 2000; i++) big += secret
  big.split('').reverse().join('').length`

function count(memory: WebAssembly.Memory, text: string): number {
  const bytes = new Uint8Array(memory.buffer)
  const wanted = new TextEncoder().encode(text)
  let found = 0
  for (let at = bytes.indexOf(wanted[0] as number); at >= 0; at = bytes.indexOf(wanted[0] as number, at + 1)) {
    if (wanted.every((byte, index) => bytes[at + index] === byte)) found++
  }
  return found
}

test('a reset leaves no byte of a planted secret, no global, and the answers of a fresh fork', async () => {
  const memories: WebAssembly.Memory[] = []
  const RealInstance = WebAssembly.Instance
  const image = await quickjs.prepare(testIo)
  const bench = makeBench(image)
  // The only way to the guest's memory from here: watch what is instantiated.
  WebAssembly.Instance = new Proxy(RealInstance, {
    construct(target, args) {
      const instance = Reflect.construct(target, args) as WebAssembly.Instance
      if (instance.exports.memory instanceof WebAssembly.Memory && 'qjs_init' in instance.exports)
        memories.push(instance.exports.memory)
      return instance
    },
  })
  const instance = await forkOn(quickjs, image, bench)
  WebAssembly.Instance = RealInstance
  const [memory] = memories
  if (!memory) throw new Error('the guest has no memory')
  try {
    expect((await runOn(instance, bench, PLANT)).error).toBeUndefined()
    expect(count(memory, SECRET)).toBeGreaterThan(0)
    expect(instance.reset()).toBe(true)
    expect(count(memory, SECRET)).toBe(0)
    const after = await runOn(
      instance,
      bench,
      '[Object.getOwnPropertyNames(globalThis).length, [].planted, typeof kept]',
    )
    const fresh = await forkOn(quickjs, image, bench)
    const expected = await runOn(
      fresh,
      bench,
      '[Object.getOwnPropertyNames(globalThis).length, [].planted, typeof kept]',
    )
    expect(after.value).toEqual(expected.value)
  } finally {
    instance.dispose()
    bench.dispose()
  }
})

test('a reset after a kill in the middle of anything gives a working guest', async () => {
  const image = await quickjs.prepare(testIo)
  const bench = makeBench(image)
  const instance = await forkOn(quickjs, image, bench)
  const hostile = [
    'for (;;) {}',
    '/^(a+)+$/.test("a".repeat(40) + "b")',
    'let a = 3n; for (;;) a = a * a',
    'JSON.stringify({ toJSON() { for (;;) {} } })',
    '[3, 2, 1].sort(() => { for (;;) {} })',
    'process.exit(3)',
  ]
  for (const source of hostile) {
    await runOn(instance, bench, source, '/t.js', 20)
    expect(instance.reset()).toBe(true)
    expect((await runOn(instance, bench, '[1, 2, 3].map((n) => n * 2).join()')).value).toEqual(
      new Uint8Array([0x65, 0x32, 0x2c, 0x34, 0x2c, 0x36]),
    )
  }
  instance.dispose()
  bench.dispose()
})
