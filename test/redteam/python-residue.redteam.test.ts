/** Residue: what one tenant leaves in a Python guest is gone for the next, to the last byte. */
import { expect, test } from 'vitest'
import { pyodide } from '../../engines/pyodide/engine.ts'
import { openCache } from '#cache'
import type { Instance } from '../../src/engine.ts'
import { type Bench, forkOn, makeBench, runOn, testIo } from '../engine-bench.ts'
import { preparePython } from '../python.ts'

const SECRET = 'planted-secret-0123456789abcdef!'

/** Plants the secret, built at run time so that it is in no source, wherever a guest can. */
const PLANT = `
import sys, random, os, json, re, sqlite3, linecache, collections
secret = "".join(map(chr, [${[...SECRET].map((char) => char.charCodeAt(0)).join()}]))
kept = [secret, secret.encode(), {secret: 1}, (secret,), lambda: secret, collections.deque([secret])]
globals()[secret] = secret
setattr(sys.modules["json"], secret, secret)
sys.modules[secret] = sys
sys.intern(secret); os.environ["SECRET"] = secret; sys.argv.append(secret); linecache.cache[secret] = (1, None, [secret], secret)
re.compile(secret); random.seed(secret)
open("/tmp/" + secret, "w").write(secret)
sqlite3.connect(":memory:").execute("select ?", (secret,)).fetchall()
def deep(n): return len(secret) if n == 0 else deep(n - 1)
deep(300); sorted([secret] * 50, key=lambda s: s + secret)
big = secret * 2000
handle = open("/tmp/" + secret)
len(big[::-1])`

function count(memory: WebAssembly.Memory, text: string): number {
  const bytes = new Uint8Array(memory.buffer)
  const wanted = new TextEncoder().encode(text)
  let found = 0
  for (let at = bytes.indexOf(wanted[0] as number); at >= 0; at = bytes.indexOf(wanted[0] as number, at + 1))
    if (wanted.every((byte, index) => bytes[at + index] === byte)) found++
  return found
}

/** The memory of a guest, by watching what is instantiated: there is no other way to it. */
async function watched(fork: () => Promise<Instance>): Promise<{ instance: Instance; memory: WebAssembly.Memory }> {
  const real = WebAssembly.instantiate
  const memories: WebAssembly.Memory[] = []
  WebAssembly.instantiate = (async (...args: Parameters<typeof real>) => {
    const instance = (await real(...args)) as unknown as WebAssembly.Instance
    if ('_PyRuntime' in instance.exports) memories.push(instance.exports['memory'] as WebAssembly.Memory)
    return instance
  }) as unknown as typeof real
  try {
    const instance = await fork()
    const [memory] = memories
    if (!memory) throw new Error('the guest has no memory')
    return { instance, memory }
  } finally {
    WebAssembly.instantiate = real
  }
}

preparePython()

const PROBE = `
import sys, json, os, random
[sorted(n for n in globals() if not n.startswith("__")), len(sys.modules), [n for n in vars(json) if "secret" in n],
 "SECRET" in os.environ, len(sys.argv), random.getstate()[0]]`

const run = (instance: Instance, bench: Bench, source: string) => runOn(instance, bench, source, '/t.py', 10_000)

test('a reset leaves no byte of a planted secret, no variable, and the answers of a fresh fork', async () => {
  const image = await pyodide.prepare({ ...testIo, cache: openCache() })
  const limits = { memoryBytes: 128 * 2 ** 20 }
  const bench = makeBench(image, limits)
  const { instance, memory } = await watched(() => forkOn(pyodide, image, bench))
  const other = makeBench(image, limits)
  try {
    expect((await run(instance, bench, PLANT)).error).toBeUndefined()
    expect(count(memory, SECRET)).toBeGreaterThan(0)
    expect(bench.kernel.process.descriptors.open).toBe(4)
    expect(instance.reset()).toBe(true)
    expect(count(memory, SECRET)).toBe(0)
    expect(bench.kernel.process.descriptors.open).toBe(3)
    const fresh = await forkOn(pyodide, image, other)
    const [after, asFresh] = [await run(instance, bench, PROBE), await run(fresh, other, PROBE)]
    expect(after.error).toBeUndefined()
    expect(after.value).toEqual(asFresh.value)
    fresh.dispose()
  } finally {
    instance.dispose()
    bench.dispose()
    other.dispose()
  }
}, 60_000)

test('a guest that is lent to the next sandbox holds nothing of the one before', async () => {
  const image = await pyodide.prepare({ ...testIo, cache: openCache() })
  const limits = { memoryBytes: 128 * 2 ** 20 }
  const first = makeBench(image, limits)
  const { instance, memory } = await watched(() => forkOn(pyodide, image, first))
  expect((await run(instance, first, PLANT)).error).toBeUndefined()
  const size = memory.buffer.byteLength
  instance.dispose()
  first.dispose()
  // One that grew is let go of; one that did not waits wiped.
  if (size === image.state.pages * 65_536) expect(count(memory, SECRET)).toBe(0)
  const second = makeBench(image, limits)
  const next = await forkOn(pyodide, image, second)
  const { value, error } = await run(next, second, PROBE)
  expect(error).toBeUndefined()
  expect(value).toBeDefined()
  next.dispose()
  second.dispose()
}, 60_000)
