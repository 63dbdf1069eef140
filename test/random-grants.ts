/** Random grants, chains of them and requests over few names, so that they meet often; and a slow judge of what a grant allows. */
import fc from 'fast-check'
import { refusedArgument } from '../capabilities/arguments.ts'
import { isSpecial, parseAddress, parseNetwork, rangeOf } from '../capabilities/address.ts'
import { parseGlob, parseUrlGlob } from '../capabilities/glob.ts'
import { parseHostGlob } from '../capabilities/host-glob.ts'
import { METHODS } from '../capabilities/methods.ts'
import { netShape } from '../capabilities/net-shape.ts'
import { runNfa } from '../capabilities/run-nfa.ts'
import { type Grant, parseGrant } from '../capabilities/schema.ts'

const component = fc.constantFrom('a', 'b', 'ab', '*', 'a*', '?', '[ab]', '[!a]', '{a,ab}', '**')
export const pathPattern: fc.Arbitrary<string> = fc
  .array(component, { minLength: 1, maxLength: 3 })
  .map((parts) => `/${parts.join('/')}`)
export const hostPattern: fc.Arbitrary<string> = fc.constantFrom(
  'a.test',
  'b.test',
  '*.test',
  '**.test',
  'x.a.test',
  '*.a.test',
  '**.a.test',
  '**',
  'a*.test',
  '10.0.0.1',
  '93.184.216.34',
)
const few = <T>(arbitrary: fc.Arbitrary<T>) => fc.array(arbitrary, { minLength: 1, maxLength: 3 })
const names = few(fc.constantFrom('x', 'y', 'z'))
const constraint = fc.oneof(
  fc.constant({ any: true as const }),
  fc.constantFrom<string | number>('/a', '/a/b', 1, 5).map((equals) => ({ equals })),
  fc.constantFrom([1, 2, 5], ['/a', '/b']).map((oneOf) => ({ oneOf })),
  fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 4, max: 9 })).map(([min, max]) => ({ min, max })),
  pathPattern.map((path) => ({ path })),
  fc.constantFrom('/', '/a', '/a/').map((prefix) => ({ prefix })),
)
const constraints = fc.dictionary(
  fc.constantFrom('p', 'q'),
  fc.tuple(constraint, fc.boolean()).map(([one, optional]) => (optional ? { ...one, optional: true as const } : one)),
  { maxKeys: 2 },
)
const sometimes = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 })
const networks = few(fc.constantFrom('10.0.0.0/8', '10.0.0.0/24', '0.0.0.0/0', '93.184.216.0/24', '::/0', 'fd00::/8'))

/** A grant without conditions. */
export const grant: fc.Arbitrary<Grant> = fc
  .oneof(
    fc.record({ resource: fc.constant('fs'), actions: few(fc.constantFrom('read', 'write')), paths: few(pathPattern) }),
    fc.record({ resource: fc.constant('env'), actions: fc.constant(['read']), names }),
    fc.record({ resource: fc.constant('tool'), actions: fc.constant(['call']), names, args: sometimes(constraints) }),
    fc.record({
      resource: fc.constant('net'),
      actions: fc.constant(['fetch']),
      hosts: few(hostPattern),
      schemes: sometimes(few(fc.constantFrom('http', 'https')).map((all) => [...new Set(all)])),
      ports: sometimes(few(fc.constantFrom<number | string>(80, 443, '80-90', '85-500'))),
      paths: sometimes(few(pathPattern)),
      methods: sometimes(few(fc.constantFrom(...METHODS.slice(0, 3))).map((all) => [...new Set(all)])),
      cidrs: sometimes(networks),
    }),
  )
  .map((value) => {
    const actions = [...new Set(value.actions as string[])]
    return parseGrant(Object.fromEntries(Object.entries({ ...value, actions }).filter(([, one]) => one !== undefined)))
  })

export type Asked =
  | { operation: 'fs.read' | 'fs.write' | 'env.read'; name: string }
  | { operation: 'tool.call'; name: string; input: unknown }
  | {
      operation: 'net.fetch'
      method: (typeof METHODS)[number]
      scheme: 'http' | 'https'
      host: string
      port: number
      path: string
      address: string
    }

const path = fc
  .array(fc.constantFrom('a', 'b', 'ab', 'c'), { minLength: 0, maxLength: 4 })
  .map((parts) => `/${parts.join('/')}`)
const value = fc.oneof(path, fc.integer({ min: 0, max: 9 }), fc.constantFrom(null, true, 'x'))

export const asked: fc.Arbitrary<Asked> = fc.oneof(
  fc.record({ operation: fc.constantFrom('fs.read' as const, 'fs.write' as const), name: path }),
  fc.record({ operation: fc.constant('env.read' as const), name: fc.constantFrom('x', 'y', 'z', 'w') }),
  fc.record({
    operation: fc.constant('tool.call' as const),
    name: fc.constantFrom('x', 'y', 'z', 'w'),
    input: fc.dictionary(fc.constantFrom('p', 'q', 'r'), value, { maxKeys: 2 }),
  }),
  fc.record({
    operation: fc.constant('net.fetch' as const),
    method: fc.constantFrom(...METHODS),
    scheme: fc.constantFrom('http' as const, 'https' as const),
    host: fc.constantFrom('a.test', 'b.test', 'x.a.test', 'test', 'y.x.a.test', '10.0.0.1', '93.184.216.34'),
    port: fc.constantFrom(80, 85, 90, 443, 8080),
    path,
    address: fc.constantFrom(
      '10.0.0.1',
      '10.9.0.1',
      '93.184.216.34',
      '8.8.8.8',
      'fd00::1',
      '2606:4700::1',
      '127.0.0.1',
    ),
  }),
)

function inNetworks(text: string, cidrs: readonly string[] | undefined): boolean {
  const address = parseAddress(text)!
  if (!cidrs) return !isSpecial(address)
  const number = address.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  return cidrs.some((cidr) => {
    const { family, low, high } = rangeOf(parseNetwork(cidr))
    return family === (address.length === 4 ? 4 : 6) && low <= number && number <= high
  })
}

/** Whether a grant allows a request, by its words and without a table or a program. */
export function allows(one: Grant, ask: Asked): boolean {
  const [resource, action] = ask.operation.split('.')
  if (one.resource !== resource || !(one.actions as readonly string[]).includes(action!)) return false
  if (one.resource === 'fs' && ask.operation !== 'net.fetch')
    return one.paths.some((pattern) => runNfa(parseGlob(pattern), ask.name))
  if (one.resource === 'env' && ask.operation === 'env.read') return one.names.includes(ask.name)
  if (one.resource === 'tool' && ask.operation === 'tool.call')
    return one.names.includes(ask.name) && (!one.args || refusedArgument(ask.input, one.args) === undefined)
  if (one.resource !== 'net' || ask.operation !== 'net.fetch') return false
  const shape = netShape(one)
  return (
    (one.methods ?? ['GET', 'HEAD']).includes(ask.method) &&
    (one.schemes ?? ['https']).includes(ask.scheme) &&
    shape.ports.some(([low, high]) => low <= ask.port && ask.port <= high) &&
    one.hosts.some((pattern) => runNfa(parseHostGlob(pattern), ask.host)) &&
    (!one.paths || one.paths.some((pattern) => runNfa(parseUrlGlob(pattern), ask.path))) &&
    inNetworks(ask.address, one.cidrs)
  )
}
