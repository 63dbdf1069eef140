/** Inclusion of patterns: what the product of automata answers is what trying every name answers. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalDomain } from '../../capabilities/canonical-domain.ts'
import { parseGlob } from '../../capabilities/glob.ts'
import { parseHostGlob } from '../../capabilities/host-glob.ts'
import { proveInclusion, TooHard } from '../../capabilities/inclusion.ts'
import { runNfa } from '../../capabilities/run-nfa.ts'
import { hostPattern, pathPattern } from '../random-grants.ts'

const text = new TextDecoder('utf-8', { fatal: true })

/** Every canonical path of up to three components over a small alphabet, and some with more. */
function everyPath(): string[] {
  const letters = ['a', 'b', '.', 'é']
  const components = letters.flatMap((one) => [one, ...letters.map((two) => one + two)]).concat(['aab', 'abb', '...'])
  const usable = components.filter((part) => part !== '.' && part !== '..')
  const one = usable.map((part) => `/${part}`)
  const short = ['/a', '/b', '/ab', '/é', '/..a']
  const two = one.flatMap((path) => short.map((end) => path + end))
  return ['/', ...one, ...two, ...two.flatMap((path) => ['/a', '/b'].map((end) => path + end))]
}

const paths = everyPath()
const patterns = fc.array(pathPattern, { minLength: 1, maxLength: 3 })

describe('inclusion of path patterns', () => {
  test('a proof holds for every path of a small alphabet, and a witness is a canonical path that shows the contrary', () => {
    let [proved, refuted] = [0, 0]
    fc.assert(
      fc.property(patterns, patterns, (child, parent) => {
        const [mine, theirs] = [child.map(parseGlob), parent.map(parseGlob)]
        const proof = proveInclusion(mine, theirs, canonicalDomain('path'))
        if (proof.included === true) {
          proved++
          const leak = paths.find(
            (path) => mine.some((nfa) => runNfa(nfa, path)) && !theirs.some((nfa) => runNfa(nfa, path)),
          )
          expect(leak).toBeUndefined()
          return
        }
        refuted++
        const witness = text.decode(proof.witness)
        expect(witness).toMatch(/^\/$|^(?:\/(?!\.{1,2}(?:\/|$))[^/\0\\]+)+$/)
        expect(mine.some((nfa) => runNfa(nfa, witness))).toBe(true)
        expect(theirs.some((nfa) => runNfa(nfa, witness))).toBe(false)
      }),
      { numRuns: 1_500 },
    )
    expect(proved / (proved + refuted)).toBeGreaterThan(0.1)
    expect(refuted / (proved + refuted)).toBeGreaterThan(0.1)
  }, 60_000)

  test.each([
    [['/data/2025/**'], ['/data/**'], undefined],
    [['/wor*/x'], ['/work/**'], '/wor/x'],
    [['/data/**'], ['/data/2025/**'], '/data'],
    // Proved only because of what a canonical path is: never invalid UTF-8, never an empty component.
    [['/a*'], ['/{a,a?*}'], undefined],
    [['/**'], ['/', '/?', '/??*', '/*/**'], undefined],
    [['/[a-z]'], ['/[a-m]', '/[n-y]'], '/z'],
    [['/*'], ['/[!é]*'], '/'],
  ])('%j in %j', (child, parent, witness) => {
    const proof = proveInclusion(child.map(parseGlob), parent.map(parseGlob), canonicalDomain('path'))
    if (witness === undefined) expect(proof.included).toBe(true)
    else if (proof.included === false) {
      const found = text.decode(proof.witness)
      if (witness !== '/') expect(found).toBe(witness)
    } else throw new Error('there is a witness')
  })

  test('a proof that would take too long is given up, and that is no proof', () => {
    const deep = (letter: string) => `/*${letter}${'?'.repeat(22)}`
    expect(() => proveInclusion([parseGlob(deep('a'))], [parseGlob('/**')], canonicalDomain('path'))).toThrow(TooHard)
    const wide = Array.from({ length: 40 }, (_, index) => parseGlob(`/*a${'?'.repeat(index + 1)}b*`))
    const begun = performance.now()
    expect(proveInclusion([parseGlob('/*')], wide, canonicalDomain('path')).included).toBe(false)
    expect(performance.now() - begun).toBeLessThan(10_000)
  }, 60_000)
})

describe('inclusion of host patterns', () => {
  const hosts = ['a', 'b', 'x', 'test', 'aa', 'a-b']
  const every = hosts.flatMap((one) => [
    one,
    ...hosts.flatMap((two) => [`${one}.${two}`, `${one}.${two}.test`, `${one}.x.${two}.test`]),
  ])

  test('a proof holds for every host, and a witness is a host that shows the contrary', () => {
    fc.assert(
      fc.property(hostPattern, hostPattern, (child, parent) => {
        const [mine, theirs] = [parseHostGlob(child), parseHostGlob(parent)]
        const proof = proveInclusion([mine], [theirs], canonicalDomain('host'))
        const leak = every.find((host) => runNfa(mine, host) && !runNfa(theirs, host))
        if (proof.included === true) {
          expect(leak).toBeUndefined()
          return
        }
        const witness = text.decode(proof.witness)
        expect(runNfa(mine, witness)).toBe(true)
        expect(runNfa(theirs, witness)).toBe(false)
      }),
      { numRuns: 300 },
    )
  })
})
