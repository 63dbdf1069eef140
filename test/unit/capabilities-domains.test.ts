/** Names that can be asked for at all: each kind takes what is canonical and nothing beside it. */
import { describe, expect, test } from 'vitest'
import { canonicalDomain, makeDomain } from '../../capabilities/canonical-domain.ts'
import { runNfa } from '../../capabilities/run-nfa.ts'

const KINDS = ['path', 'url', 'host'] as const

describe('canonical names', () => {
  test.each<[kind: (typeof KINDS)[number], taken: string, refused: string]>([
    ['path', '/ /a /ab /a/b /a/b/c /.a /.ab /..a /..ab /... /.... /a. /a.. /a/.b /a/..b /é /.é /..é /é/é /a.b/c', ''],
    ['path', '', 'a a/ // /a/ /a//b //a /. /.. /a/. /a/.. /./a /../a /a/./b /a/../b /.a/ /\\ /a\\ /.\\ /..\\ /\\a'],
    ['path', '', '/\0 /a\0 /.\0 /..\0 /a/\0 /a\\b /.a\\ /..a\0'],
    ['url', '/ /a /a/ // /a//b /! /" /$ /> /@ /[ /] /~ /./a /%20 /a.b', 'a a/ /# /a#b /? /a?b /\\ /é /\x7f /\0'],
    ['host', 'a z 0 9 - _ ab a.b a.b.c a-b.c_d.09 xn--a [::] [::1] [0] [9:a:f] [a]', ''],
    ['host', '', '. a. .a a..b A Z a/b , a,b / : a:b @ a@b ` { é [ ] [] [g] [`] [/] [;] [::1 ::1] [::1]a a[::1] [a.b]'],
  ])('%s: %s, and not %s', (kind, taken, refused) => {
    const domain = makeDomain(kind)
    const words = (text: string): string[] => text.split(' ').filter(Boolean)
    expect(words(taken).filter((name) => !runNfa(domain, name))).toEqual([])
    expect(words(refused).filter((name) => runNfa(domain, name))).toEqual([])
  })

  test.each(KINDS)('%s: nothing is no name', (kind) => {
    expect(runNfa(makeDomain(kind), '')).toBe(false)
  })

  test('a space stands in paths, not in URLs and hosts', () => {
    expect(['/ ', '/a b', '/. '].map((name) => runNfa(makeDomain('path'), name))).toEqual([true, true, true])
    expect(runNfa(makeDomain('url'), '/ ')).toBe(false)
    expect(runNfa(makeDomain('host'), 'a b')).toBe(false)
  })

  test('each kind is made once, as it would be made anew', () => {
    for (const kind of KINDS) {
      expect(canonicalDomain(kind)).toBe(canonicalDomain(kind))
      expect(canonicalDomain(kind)).toEqual(makeDomain(kind))
      expect(canonicalDomain(kind)).not.toBe(makeDomain(kind))
    }
  })
})
