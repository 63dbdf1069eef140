/** The memory of the whole process is searched, workers' too: a secret that a guest made is nowhere once its sandbox is gone. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tokaOf, WAYS } from '../isolations.ts'
import { root } from '../module-graph.ts'
import { skipReasons } from '../skip-reasons.ts'

/** 32 letters, made by the guest from numbers that are not its bytes: the host never holds it, nor does the source. */
const coded = () => Array.from(crypto.getRandomValues(new Uint8Array(32)), (byte) => (byte % 26) + 98)

/** @returns how often the text of `codes` is in this process; undefined where one cannot read it */
function found(codes: readonly number[]): number | undefined {
  const search = spawnSync(
    process.execPath,
    [join(root, 'test/memory-search.node.mjs'), String(process.pid), codes.join()],
    { encoding: 'utf8' },
  )
  return search.status === 0 ? Number(search.stdout) : undefined
}

/** The secret in heap, files, environment, names, modules and errors of a guest; and then one that never ends. */
const PLANTS = {
  javascript: (end: string) => `
    globalThis.secret = String.fromCharCode(...codes.map((code) => code - 1))
    globalThis.copies = [secret + '!', new TextEncoder().encode(secret), { [secret]: [secret] }, Symbol.for(secret)]
    globalThis.error = new Error(secret)
    globalThis.closure = ((held) => () => held)(secret.toUpperCase())
    ${end}`,
  python: (end: string) => `
import os, sys, json, types
secret = ''.join(chr(code - 1) for code in codes)
copies = [secret.encode(), {secret: [secret]}, bytearray(secret, 'utf8'), sys.intern(secret + '_')]
os.environ[secret] = secret
sys.modules[secret] = types.ModuleType(secret)
error = ValueError(secret)
${end}`,
} as const
const ENDS = {
  javascript: { 'ends by itself': '0', 'is stopped in the middle': 'for (;;) secret.slice(1)' },
  python: { 'ends by itself': 'None', 'is stopped in the middle': 'while True: secret.upper()' },
} as const

const cases = WAYS.flatMap((way) =>
  (['javascript', 'python'] as const).flatMap((language) =>
    Object.entries(ENDS[language]).map(([name, end]) => ({ way, language, name, end })),
  ),
)

test.for(cases)('$way: a secret of $language that $name', async ({ way, language, end }, { skip }) => {
  const codes = coded()
  skip(found(codes) === undefined, skipReasons.noPlatformFeature)
  const ended = end === ENDS[language]['ends by itself']
  const toka = await tokaOf(way)
  const sandbox = await toka.open({ language })
  const result = await sandbox.run({
    source: `${language === 'python' ? '' : 'const '}codes = [${codes}]\n${PLANTS[language](end)}`,
    limits: { timeoutMs: ended ? 20_000 : 300 },
  })
  expect(result.status).toBe(ended ? 'completed' : 'limit')
  if (ended) expect(found(codes)).toBeGreaterThan(2)
  await sandbox.dispose()
  // The next tenant has the guest of the last, where guests are lent.
  const next = await toka.open({ language })
  await next.run({ source: '1 + 1' })
  expect(found(codes)).toBe(0)
  await next.dispose()
})
