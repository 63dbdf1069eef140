/** Canonical paths: one form, reached once, that never leaves the mount. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalPath, canonicalPathOfBytes, pathBeneath, pathInMount } from '../../src/gate/canonical-path.ts'
import { BORDER } from '../../src/limits.ts'
import { codeOf } from '../gate-world.ts'

const piece = fc.oneof(
  fc.constantFrom(
    '',
    '.',
    '..',
    '/',
    '//',
    '\\',
    '\0',
    'a',
    'b.txt',
    '...',
    ' ',
    'é',
    'e\u0301',
    '\ud800',
    '%2e%2e',
    '\u2215',
  ),
  fc.string({ maxLength: 4 }),
)
const hostile = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''))
const joined = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join('/')}`)

const attempt = (work: () => string): string | undefined => {
  try {
    return work()
  } catch {
    return undefined
  }
}

describe('canonical paths', () => {
  test('canonical is canonical: doing it again changes nothing', () => {
    let kept = 0
    fc.assert(
      fc.property(fc.oneof(hostile, joined), (path) => {
        const once = attempt(() => canonicalPath(path))
        if (once === undefined) return true
        kept++
        return canonicalPath(once) === once && canonicalPathOfBytes(new TextEncoder().encode(path)) === once
      }),
      { numRuns: 2_000, seed: 31 },
    )
    expect(kept).toBeGreaterThan(200)
  })

  test('no path leaves its mount, and none has a part that means another place', () => {
    fc.assert(
      fc.property(fc.constantFrom('/', '/data', '/a/b'), hostile, (at, path) => {
        const whole = attempt(() => pathInMount(at, path))
        if (whole === undefined) return true
        const parts = whole === '/' ? [] : whole.slice(1).split('/')
        const inside = at === '/' || whole === at || whole.startsWith(`${at}/`)
        const rejoined = pathInMount(at, pathBeneath(at, whole))
        return (
          inside &&
          rejoined === whole &&
          parts.every((part) => !['', '.', '..'].includes(part)) &&
          !/[\0\\]/.test(whole)
        )
      }),
      { numRuns: 3_000, seed: 32 },
    )
  })

  test('any bytes end as a canonical path or as a refusal with an errno', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) =>
        ['none', 'EACCES', 'EINVAL', 'EILSEQ', 'ENAMETOOLONG'].includes(codeOf(() => canonicalPathOfBytes(bytes))),
      ),
      { numRuns: 2_000, seed: 33 },
    )
  })

  test.each([
    ['/', '/'],
    ['/data//./x/', '/data/x'],
    ['///', '/'],
    ['/a/...', '/a/...'],
    ['/a/.b.', '/a/.b.'],
    // No case is folded, no Unicode form changed.
    ['/Data', '/Data'],
    ['/e\u0301', '/e\u0301'],
    // A byte order mark is a character of the name.
    ['/\ufeffa', '/\ufeffa'],
  ])('%j is %j', (path, expected) => {
    expect(canonicalPath(path)).toBe(expected)
    expect(canonicalPathOfBytes(new TextEncoder().encode(path))).toBe(expected)
  })

  test.each([
    ['a', 'EACCES'],
    ['', 'EACCES'],
    ['/..', 'EACCES'],
    ['/a/../b', 'EACCES'],
    ['/a\\b', 'EACCES'],
    ['/a\0', 'EINVAL'],
    ['/\ud800', 'EILSEQ'],
    [`/${'a'.repeat(BORDER.nameBytes + 1)}`, 'ENAMETOOLONG'],
    [`/${'é'.repeat(BORDER.nameBytes / 2 + 1)}`, 'ENAMETOOLONG'],
    ['/a'.repeat(BORDER.pathDepth + 1), 'ENAMETOOLONG'],
    [`/${'a'.repeat(200)}`.repeat(21), 'ENAMETOOLONG'],
  ])('%j is refused with %s', (path, code) => {
    expect(codeOf(() => canonicalPath(path))).toBe(code)
  })

  test('bytes are measured before they are decoded', () => {
    const long = new Uint8Array(BORDER.pathBytes + 1).fill(0xff)
    expect(codeOf(() => canonicalPathOfBytes(long))).toBe('ENAMETOOLONG')
    expect(codeOf(() => canonicalPathOfBytes(long.subarray(1)))).toBe('EILSEQ')
  })
})
