/** The installed packages go in; NOTICE must carry the licence of everything that ships, and each must be one that we may ship. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { root } from '../module-graph.ts'
import { bundledPackages, closure, licenceText, noticeText, readManifest } from '../runtimes/notice.ts'

const notice = readFileSync(`${root}NOTICE`, 'utf8')
const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { dependencies: Record<string, string> }

/** Licences that ask for no more than their text being passed on. */
const permissive = ['MIT', 'ISC', '0BSD', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', 'BlueOak-1.0.0']

test('NOTICE is what `npm run notice` writes', () => {
  expect(notice).toBe(noticeText())
})

test('NOTICE carries the licence text of every package that guests bundle', () => {
  const bundled = bundledPackages()
  expect(bundled).toContain('whatwg-url')
  expect(bundled.filter((name) => !notice.includes(licenceText(name)))).toEqual([])
})

test('every package that ships or is installed with ours has a permissive licence', () => {
  const packages = closure([...bundledPackages(), ...Object.keys(manifest.dependencies)])
  const others = packages.filter((name) => !permissive.includes(readManifest(name).license ?? 'none'))
  expect(others).toEqual([])
})

test('LICENSE is the Apache License 2.0, as package.json says', () => {
  expect(readFileSync(`${root}LICENSE`, 'utf8')).toMatch(/^\s*Apache License\s+Version 2\.0, January 2004/)
  expect(readFileSync(`${root}package.json`, 'utf8')).toContain('"license": "Apache-2.0"')
})
