/** Policy files of Wassette: what they allow is granted, what they say beside that is refused, and YAML is read one way. */
import { describe, expect, test } from 'vitest'
import { importWassette } from '../../capabilities/wassette.ts'
import { parseYaml } from '../../capabilities/yaml.ts'

const POLICY = `$schema: https://example.test/policy-v1.0.schema.json
# A comment
version: "1.0"
description: "What it may do"   # and why
permissions:
  storage:
    allow:
      # A directory
      - uri: "fs://work/agent/**"
        access: ["read", "write"]
    # indented as the file pleases
      - uri: 'fs:///Users/me'
        access:
        - read
  network:
    allow:
    - host: "api.example.com"
    - host: "*.internal.com"
    - host: "https://api.search.test/v1/"
    - cidr: "10.0.0.0/8"
  environment:
    allow:
      - key: API_KEY
`

test('a policy becomes grants', () => {
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
  const schemes = ['https', 'http']
  expect(importWassette(POLICY)).toEqual([
    { resource: 'fs', actions: ['read', 'write'], paths: ['/work/agent/**'] },
    { resource: 'fs', actions: ['read'], paths: ['/Users/me/**'] },
    { resource: 'net', actions: ['fetch'], hosts: ['api.example.com'], schemes, methods },
    { resource: 'net', actions: ['fetch'], hosts: ['*.internal.com'], schemes, methods },
    { resource: 'net', actions: ['fetch'], hosts: ['api.search.test'], schemes: ['https'], methods, paths: ['/v1/**'] },
    { resource: 'net', actions: ['fetch'], hosts: ['**'], schemes, methods, cidrs: ['10.0.0.0/8'] },
    { resource: 'env', actions: ['read'], names: ['API_KEY'] },
  ])
  expect(importWassette('version: "1.0"\n')).toEqual([])
  expect(importWassette('version: "1.0"\npermissions:\n')).toEqual([])
})

test.each([
  ['a.test:8080', { hosts: ['a.test'], schemes: ['https', 'http'], ports: [8080] }],
  ['[::1]', { hosts: ['[::1]'], schemes: ['https', 'http'] }],
  ['[::1]:81', { hosts: ['[::1]'], schemes: ['https', 'http'], ports: [81] }],
  ['http://a.test:81', { hosts: ['a.test'], schemes: ['http'], ports: [81] }],
])('the host %s becomes its parts', (host, expected) => {
  const text = `version: "1.0"\npermissions:\n  network:\n    allow:\n      - host: "${host}"\n`
  expect(importWassette(text)).toMatchObject([expected])
  expect(Object.hasOwn(importWassette(text)[0]!, 'ports')).toBe('ports' in expected)
})

test.each([
  [
    'a denial',
    'permissions:\n  storage:\n    deny:\n      - uri: "fs://x"\n        access: ["read"]',
    'permissions.storage: deny cannot be said',
  ],
  [
    'the list of usual hosts',
    'permissions:\n  network:\n    allow:\n      - defaults: true',
    'must be { host } or { cidr }',
  ],
  ['limits', 'permissions:\n  resources:\n    limits:\n      memory: 1', 'resources cannot be said'],
  [
    'another access',
    'permissions:\n  storage:\n    allow:\n      - uri: "fs://x"\n        access: ["execute"]',
    'access',
  ],
  [
    'another kind of place',
    'permissions:\n  storage:\n    allow:\n      - uri: "s3://x"\n        access: ["read"]',
    'uri',
  ],
  ['a way up', 'permissions:\n  storage:\n    allow:\n      - uri: "fs://x/../y"\n        access: ["read"]', '".."'],
  ['a host that is none', 'permissions:\n  network:\n    allow:\n      - host: "UPPER case"', 'hosts'],
])('%s is refused', (_what, body, expected) => {
  expect(() => importWassette(`version: "1.0"\n${body}\n`)).toThrow(expected)
})

describe('YAML', () => {
  test.each([
    ['a: 1\nb: [x, "y, z", true]\n', { a: 1, b: ['x', 'y, z', true] }],
    ['- a\n- - b\n  - c\n-\n  d: e\n', ['a', ['b', 'c'], { d: 'e' }]],
    ["\"a b\": 'it''s'\n", { 'a b': "it's" }],
    ['a: http://x.test/#y\n', { a: 'http://x.test/#y' }],
    ['a: "x # y" # z\n', { a: 'x # y' }],
    ['a:\nb: ~\n', { a: null, b: null }],
    ['a:\r\n  b: c\r\n', { a: { b: 'c' } }],
    ['', null],
    ["a: 'x''#y' # z\n", { a: "x'#y" }],
    ['a: "x\\" # y"\n', { a: 'x" # y' }],
    ['a: [-1, 0.5, 01, 1x, x1, ~]\n', { a: [-1, 0.5, '01', '1x', 'x1', null] }],
    ['a:\n-\n', { a: [null] }],
    ['---\na: x#y\n', { a: 'x#y' }],
  ])('%j', (text, expected) => {
    expect(parseYaml(text)).toEqual(expected)
  })

  test.each([
    'a: 1\na: 2',
    'a: &x 1',
    'a: *x',
    'a: !!str 1',
    'a: |\n  x',
    'a: {b: 1}',
    '\ta: 1',
    'a: [1',
    'a: "x',
    'a: 1\n  b: 2',
    'a: b: c',
    '  a: 1\nb: 2',
    '%YAML 1.2',
    `${'- '.repeat(40)}x`,
    `a:\n${Array.from({ length: 40 }, (_, depth) => `${' '.repeat(depth + 1)}a:\n`).join('')}`,
    "a: 'x",
    "a: 'x'y'",
    'a: 1\n- b',
    'a: 1\nb',
  ])('%j is refused', (text) => {
    expect(() => parseYaml(text)).toThrow(/line/)
  })

  test('what is wrong is said, with its line', () => {
    expect(() => parseYaml('a: 1\n\n\tb: 1')).toThrow('line 3: a tab cannot indent')
    expect(() => parseYaml('a: 1\na: 2')).toThrow('line 2: "a" is there twice')
    expect(() => parseYaml("a: 'x")).toThrow('line 1: a quote does not end')
    expect(() => parseYaml('a: "x')).toThrow('line 1: a quoted text is malformed')
    expect(() => parseYaml('a: [1')).toThrow('line 1: a list in brackets must end on its line')
    expect(() => parseYaml('a: [1,,2]')).toThrow('line 1: a list in brackets is malformed')
    expect(() => parseYaml('a: 1\nb')).toThrow('line 2: a name and a colon are expected')
    expect(() => parseYaml('x'.repeat(262_145))).toThrow('the file is longer than 262144 characters')
    expect(parseYaml('x'.repeat(262_144))).toHaveLength(262_144)
  })

  test('a name can be that of a prototype', () => {
    const value = parseYaml('__proto__:\n  polluted: true\n') as object
    expect(Object.keys(value)).toEqual(['__proto__'])
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
})
