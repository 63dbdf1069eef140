/** Random pointers, lengths and numbers into every function of preview 1: an error number, and nothing outside the memory. */
import { describe, expect, test } from 'vitest'
import { PREVIEW1, type Preview1Name } from '../../src/kernel/preview1.ts'
import { Preview1World } from '../preview1-world.ts'

const NAMES = (Object.keys(PREVIEW1) as Preview1Name[]).filter((name) => name !== 'proc_exit')
const SIZE = 16 * 65_536

/** Numbers that programs and attackers like (mulberry32 for the rest). */
const INTERESTING = [
  0,
  1,
  3,
  4,
  7,
  8,
  64,
  1_024,
  4_096,
  65_535,
  SIZE - 8,
  SIZE - 1,
  SIZE,
  SIZE + 1,
  2 ** 31 - 1,
  -1,
  -8,
  -(2 ** 31),
]
const WIDE = [0n, 1n, -1n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)]

function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

describe('hostile parameters', () => {
  test.each([1, 2, 3, 4])(
    'are answered with a number (seed %i)',
    async (seed) => {
      const next = numbers(seed)
      const it = new Preview1World({
        process: { stdin: 'x'.repeat(100) },
        deterministic: { seed: 's', start: '2026-01-01T00:00:00Z' },
      })
      const memory = new Uint8Array(it.memory.buffer)
      for (let at = 0; at < memory.length; at += 4_096) memory[at] = next()
      for (let turn = 0; turn < 3_000; turn++) {
        const name = NAMES[next() % NAMES.length] as Preview1Name
        const parameters = [...PREVIEW1[name]].map((letter) => {
          if (letter === 'I') return next() % 2 === 0 ? (WIDE[next() % WIDE.length] as bigint) : BigInt(next())
          return next() % 4 === 0 ? next() | 0 : (INTERESTING[next() % INTERESTING.length] as number)
        })
        const answer = await it.preview1.call(name, parameters)
        expect(Number.isInteger(answer) && answer >= 0 && answer <= 76).toBe(true)
      }
    },
    60_000,
  )

  test('a length that comes round to little is still too much', async () => {
    const it = new Preview1World()
    const vectors = it.put(new Uint8Array(new Uint32Array([8, 0xffff_ffff]).buffer))
    expect(await it.call('fd_write', 1, vectors, 1, it.out)).toBe(21)
    expect(await it.call('fd_write', 1, vectors, 0x2000_0001, it.out)).toBe(28)
    expect(await it.call('random_get', 0xffff_fff0, 32)).toBe(21)
    expect(it.kernel.process.stdout.total).toBe(0)
  })

  test('overlapping vectors are written one after the other', async () => {
    const it = new Preview1World({ process: { stdin: 'abcdef' } })
    const buffer = it.put(new Uint8Array(8))
    const vectors = it.put(new Uint8Array(new Uint32Array([buffer, 4, buffer + 2, 4]).buffer))
    await it.ok('fd_read', 0, vectors, 2, it.out)
    // The first four go to the start, the other two over their second half.
    expect(it.bytes(buffer, 4)).toBe('abef')
  })

  test('memory that grows between two calls is seen, and what was freed of views is not used', async () => {
    const it = new Preview1World()
    expect(await it.call('random_get', SIZE, 8)).toBe(21)
    it.memory.grow(1)
    expect(await it.call('random_get', SIZE, 8)).toBe(0)
    expect(new Uint8Array(it.memory.buffer, SIZE, 8).some((byte) => byte !== 0)).toBe(true)
  })
})
