/** A net grant in, with its defaults written out: method numbers, ranges of ports, patterns of paths. */
import { methodNumber } from './methods.ts'
import type { Grant } from './schema.ts'
import { portRange } from './schema-fields.ts'

export type NetGrant = Extract<Grant, { resource: 'net' }>

const DEFAULT_PORT = { http: 80, https: 443 } as const

export type NetShape = {
  methods: number[]
  ports: [low: number, high: number][]
  /** Undefined: every path. */
  paths: string[] | undefined
}

export function netShape({ schemes = ['https'], methods = ['GET', 'HEAD'], ports, paths }: NetGrant): NetShape {
  const numbers = methods.flatMap((method) => schemes.map((scheme) => methodNumber(method, scheme)))
  const given = ports ?? schemes.map((scheme) => DEFAULT_PORT[scheme])
  return {
    methods: [...new Set(numbers)].sort((left, right) => left - right),
    ports: given.map(portRange),
    paths,
  }
}
