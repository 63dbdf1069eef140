/** Policy files of Wassette, entry by entry: the grant that each becomes, or the words with which it is refused. */
import { describe, expect, test } from 'vitest'
import { importWassette } from '../../capabilities/wassette.ts'

const answer = (text: string): unknown => {
  try {
    return importWassette(text)
  } catch (error) {
    return (error as Error).message
  }
}
const policy = (body: string): string => `version: "1.0"\npermissions:\n${body}\n`
const storage = (uri: string, access = '["read"]'): unknown =>
  answer(policy(`  storage:\n    allow:\n      - uri: ${JSON.stringify(uri)}\n        access: ${access}`))
const network = (entry: string): unknown => answer(policy(`  network:\n    allow:\n      - ${entry}`))
const host = (text: string): unknown => network(`host: ${JSON.stringify(text)}`)

const FORM = 'is not in canonical form: lower-case ASCII letters, digits, "-", "_" and "*"'
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const both = { resource: 'net', actions: ['fetch'], schemes: ['https', 'http'], methods }
const https = { resource: 'net', actions: ['fetch'], schemes: ['https'], methods }

describe('places', () => {
  test.each<[string, string]>([
    ['fs://', '/**'],
    ['fs:////', '/**'],
    ['fs://a', '/a/**'],
    ['fs://a/', '/a/**'],
    ['fs:///a//', '/a/**'],
    ['fs:////a', '/a/**'],
    ['fs://a/b', '/a/b/**'],
    ['fs://a/**', '/a/**'],
    ['fs://a*', '/a*'],
    ['fs://a?', '/a?'],
    ['fs://a[b]', '/a[b]'],
    ['fs://{a,b}', '/{a,b}'],
  ])('%s is %s', (uri, path) => {
    expect(storage(uri)).toEqual([{ resource: 'fs', actions: ['read'], paths: [path] }])
  })

  test('what may be done there is said once', () => {
    expect(storage('fs://a', '["read", "write", "read"]')).toEqual([
      { resource: 'fs', actions: ['read', 'write'], paths: ['/a/**'] },
    ])
    expect(storage('fs://a', '[write]')).toEqual([{ resource: 'fs', actions: ['write'], paths: ['/a/**'] }])
  })

  const at = "the policy's permissions.storage.allow.0"
  test.each<[string, string, string]>([
    ['s3://x', '["read"]', `${at}.uri: must begin with "fs://"`],
    ['xfs://x', '["read"]', `${at}.uri: must begin with "fs://"`],
    ['fs://a', '[]', `${at}.access: must be at least 1 items, it is an array`],
    ['fs://a', '["execute"]', `${at}.access.0: must be "read" or "write", it is "execute"`],
    ['fs://a', 'read', `${at}.access: must be an array, it is "read"`],
    ['fs://../x', '["read"]', 'grants[0].paths[0] has a component "." or ".." (it is "/../x/**")'],
  ])('%s for %s is refused: %s', (uri, access, expected) => expect(storage(uri, access)).toBe(expected))
})

describe('hosts', () => {
  test.each<[string, object]>([
    ['a.test', { ...both, hosts: ['a.test'] }],
    ['*.a.test', { ...both, hosts: ['*.a.test'] }],
    ['a.test:8080', { ...both, hosts: ['a.test'], ports: [8080] }],
    ['[::1]', { ...both, hosts: ['[::1]'] }],
    ['[::1]:80', { ...both, hosts: ['[::1]'], ports: [80] }],
    ['https://a.test', { ...https, hosts: ['a.test'] }],
    ['https://a.test/', { ...https, hosts: ['a.test'] }],
    ['http://a.test', { ...https, schemes: ['http'], hosts: ['a.test'] }],
    ['https://*.a.test', { ...https, hosts: ['*.a.test'] }],
    ['a.test/', { ...both, hosts: ['a.test'] }],
    ['https://a.test:443', { ...https, hosts: ['a.test'], ports: [443] }],
    ['https://a.test:8443/x', { ...https, hosts: ['a.test'], ports: [8443], paths: ['/x/**'] }],
    ['https://a.test/x/y/', { ...https, hosts: ['a.test'], paths: ['/x/y/**'] }],
  ])('%s becomes a grant with its parts and no other', (text, expected) => {
    expect(host(text)).toStrictEqual([expected])
  })

  test.each([
    ...[
      '',
      ':80',
      'a.test:',
      'a.test:x',
      'a.test:80:81',
      'a.test:80x',
      'a.test/x',
      'a.test/x/',
      '[::1',
      '[]',
      'x[::1]',
      '[::1]x',
    ],
    ...[
      'ftp://a.test',
      'xhttps://a.test',
      ' https://a.test',
      'https://',
      'https:///x',
      'https:a.test',
      'https://a.test:',
    ],
    ...['?x', '#x', '/x?y', '/x#y', ':80?x'].map((end) => `https://a.test${end}`),
    ...['u', ':p', 'u:p'].map((who) => `https://${who}@a.test`),
  ])('%j is more than a place, or none', (text) =>
    expect(host(text)).toBe(
      `host ${JSON.stringify(text)} must be a host, or a scheme, a host, a port and a path at most`,
    ),
  )

  test.each<[string, string]>([
    ['A.test', `grants[0].hosts[0] ${FORM} (write "a.test") (it is "A.test")`],
    ['[x]', `grants[0].hosts[0] ${FORM} (it is "[x]")`],
    ['a.test:0', 'grants[0].ports[0] must be at least 1, it is 0'],
    ['https://a.test/x/../y', 'grants[0].paths[0] has a component "." or ".." (it is "/x/../y/**")'],
  ])('%s is refused as in a grant: %s', (text, expected) => expect(host(text)).toBe(expected))

  test('a network is granted whatever the host is called', () => {
    expect(network('cidr: 10.0.0.0/8')).toStrictEqual([{ ...both, hosts: ['**'], cidrs: ['10.0.0.0/8'] }])
    expect(network('cidr: x')).toBe(
      'grants[0].cidrs[0] must be a network such as "10.0.0.0/8" or "fd00::/8" (it is "x")',
    )
  })

  test.each(['host: 1', 'cidr: 1', 'defaults: true', 'host: a\n        cidr: 10.0.0.0/8', 'x'])(
    '%j is neither a host nor a network',
    (entry) => expect(network(entry)).toBe("the policy's permissions.network.allow.0: must be { host } or { cidr }"),
  )
})

test.each<[string, string]>([
  ['', "the policy's top: must be an object, it is null"],
  ['- a', "the policy's top: must be an object, it is an array"],
  ['x: 1', `the policy's version: must be "1.0" or 1; it is missing`],
  ['version: "1.1"', `the policy's version: must be "1.0" or 1, it is "1.1"`],
  ['version: 2', `the policy's version: must be "1.0" or 1, it is 2`],
  ['version: 1\nx: 1', "the policy's top: x cannot be said in grants"],
  ['version: 1\ndescription: 1', "the policy's description: must be a string, it is 1"],
  ['version: 1\n$schema: 1', "the policy's $schema: must be a string, it is 1"],
  ['version: 1\npermissions: x', `the policy's permissions: must be an object, it is "x"`],
  [policy('  x: 1\n  y: 2'), "the policy's permissions: x, y cannot be said in grants"],
  [policy('  runtime:\n    a: 1'), "the policy's permissions: runtime cannot be said in grants"],
  [policy('  network: []'), "the policy's permissions.network: must be an object, it is an array"],
  [policy('  network:\n    deny:\n    - host: a'), "the policy's permissions.network: deny cannot be said in grants"],
  [policy('  storage:\n    allow: x'), `the policy's permissions.storage.allow: must be an array, it is "x"`],
  [
    policy('  storage:\n    allow:\n    - uri: fs://a'),
    "the policy's permissions.storage.allow.0.access: must be an array; it is missing",
  ],
  [
    policy('  storage:\n    allow:\n    - uri: fs://a\n      access: [read]\n      x: 1'),
    "the policy's permissions.storage.allow.0: x cannot be said in grants",
  ],
  [
    policy('  environment:\n    allow:\n    - key: 1'),
    "the policy's permissions.environment.allow.0.key: must be a string, it is 1",
  ],
  [
    policy('  environment:\n    allow:\n    - key: A\n      value: b'),
    "the policy's permissions.environment.allow.0: value cannot be said in grants",
  ],
])('the policy %j is refused: %s', (text, expected) => expect(answer(text)).toBe(expected))

test.each<[string]>([
  ['version: 1'],
  ['version: "1.0"\n$schema: x\ndescription: y\npermissions:'],
  [policy('  storage:\n  network:\n  environment:')],
  [policy('  storage:\n    allow:\n  network:\n    allow: []')],
  [policy('  environment:\n    allow:')],
])('the policy %j allows nothing', (text) => expect(answer(text)).toEqual([]))

test('each variable is a grant', () => {
  expect(answer(policy('  environment:\n    allow:\n    - key: A\n    - key: B'))).toEqual(
    ['A', 'B'].map((name) => ({ resource: 'env', actions: ['read'], names: [name] })),
  )
})
