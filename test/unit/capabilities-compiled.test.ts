/** Programs that grants become, instruction by instruction: order, charges, jumps, cells. */
import { describe, expect, test } from 'vitest'
import { type ChainLink, compileChain, compileGrants, type Program } from '../../capabilities/compile.ts'
import { GrantError } from '../../capabilities/grant-error.ts'
import { ONE_CALL, Opcode, Slot } from '../../capabilities/isa.ts'
import { type Grant, parseGrants } from '../../capabilities/schema.ts'
import { verifyProgram } from '../../capabilities/verify.ts'

const names = Object.keys(Opcode) as (keyof typeof Opcode)[]
const text = new TextDecoder()

/** What a program says, with its constants in place of their offsets. Tests end with the instruction that they jump to. */
function listing({ code, pool }: Program): string[] {
  const [view, constants] = [code, pool].map(({ buffer }) => new DataView(buffer)) as [DataView, DataView]
  const int = (at: number): bigint => constants.getBigInt64(at, true)
  const hex = (at: number, size: number): string =>
    [...pool.subarray(at, at + size)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  const set = (slot: number, at: number): string =>
    Array.from({ length: constants.getUint32(at, true) }, (_, index) => {
      const item = at + 8 + index * 8
      if (slot >= Slot.INTEGERS) return int(item)
      const start = constants.getUint32(item, true)
      return text.decode(pool.subarray(start, start + constants.getUint32(item + 4, true)))
    }).join()
  return Array.from({ length: code.length / 8 }, (_, index) => {
    const [name, a] = [names[code[index * 8]!]!, code[index * 8 + 1]!]
    const [jump, immediate] = [view.getUint16(index * 8 + 2, true), view.getUint32(index * 8 + 4, true)]
    const operands: Partial<Record<typeof name, () => string>> = {
      RET: () => `${immediate}`,
      ACT: () => `${a} ${immediate.toString(2)}`,
      EQ: () => `${a} ${int(immediate)}`,
      LE: () => `${a} ${int(immediate)}`,
      GE: () => `${a} ${int(immediate)}`,
      IN: () => `${a} ${set(a, immediate)}`,
      DFA: () => `${a}`,
      CIDR4: () => `${a} ${hex(immediate, 8)}`,
      CIDR6: () => `${a} ${hex(immediate, 32)}`,
      BEFORE: () => `${int(immediate)}`,
      AFTER: () => `${int(immediate)}`,
      ALIVE: () => `${a} ${immediate}`,
      RATE: () => `${a} ${int(immediate)} ${int(immediate + 8)} ${int(immediate + 16)}`,
      CHARGE: () => `${a === ONE_CALL ? 'call' : a} ${immediate}`,
      COMMIT: () => '',
    }
    return `${name} ${operands[name]!()}${name === 'RET' || name === 'COMMIT' ? '' : ` ${jump}`}`.trim()
  })
}

const chain = (...links: (Omit<ChainLink, 'grants'> & { grants: object[] })[]): Program => {
  const program = compileChain(links.map((link) => ({ ...link, grants: parseGrants(link.grants) })))
  expect(verifyProgram(program)).toBeUndefined()
  return program
}
const grants = (...given: object[]): Program => chain({ grants: given })

const FS = { resource: 'fs', actions: ['read'], paths: ['/a/**'] }
const TOOL = { resource: 'tool', actions: ['call'], names: ['t'] }
const NET = { resource: 'net', actions: ['fetch'], hosts: ['a.test'] }
const HOUR = { per: '1h', burst: 3 }

/** Each cell as its kind, what it holds at the start, and its link. */
const cellsOf = ({ cells }: Program): string =>
  cells.map(({ kind, initial, link }) => `${kind} ${initial} ${link}`).join(', ')

test.each<[claim: string, make: () => Program, cells: string, program: string]>([
  [
    'grants without conditions come first, those of the same actions together',
    () =>
      grants(
        { ...FS, expires: 5 },
        FS,
        { resource: 'env', actions: ['read'], names: ['B', 'A', 'B'] },
        { ...FS, paths: ['/b'] },
        { ...FS, actions: ['read', 'write'] },
      ),
    '',
    `
    ACT 0 1 3 | DFA 0 3 | RET 1 | ACT 0 100 6 | IN 0 A,B 6 | RET 1 | ACT 0 11 9 | DFA 0 9 | RET 1 | ACT 0 1 13
    DFA 0 13 | BEFORE 5000 13 | RET 1 | RET 0`,
  ],
  [
    'a clock has nothing to tell apart',
    () => grants({ resource: 'clock', actions: ['precise'] }, TOOL),
    '',
    `
    ACT 0 1000 2 | RET 1 | ACT 0 10000 5 | IN 0 t 5 | RET 1 | RET 0`,
  ],
  [
    'conditions have one order: times, secrets, rate, calls, bytes',
    () =>
      grants({
        ...FS,
        quota: { calls: 4, bytes: 9 },
        rate: HOUR,
        notBefore: 2,
        expires: 5,
        flow: { forbiddenAfter: 'secret' },
      }),
    'rate 0 0, calls 4 0, bytes 9 0, clean 1 0',
    `
    ACT 0 1 10 | DFA 0 10 | AFTER 2000 10 | BEFORE 5000 10 | ALIVE 0 3 10 | RATE 0 0 1200000000 2400000000 10
    CHARGE call 1 10 | CHARGE 4 2 10 | COMMIT | RET 1 | RET 0`,
  ],
  [
    'no call at all is a quota',
    () => grants({ ...FS, quota: { calls: 0 } }),
    'calls 0 0',
    `
    ACT 0 1 5 | DFA 0 5 | CHARGE call 0 5 | COMMIT | RET 1 | RET 0`,
  ],
  [
    'no byte at all is a quota',
    () => grants({ ...FS, quota: { bytes: 0 } }),
    'bytes 0 0',
    `
    ACT 0 1 5 | DFA 0 5 | CHARGE 4 0 5 | COMMIT | RET 1 | RET 0`,
  ],
  [
    'the interval of a rate is rounded up to microseconds',
    () => grants({ ...FS, rate: { per: '1s', burst: 7 } }),
    'rate 0 0',
    `
    ACT 0 1 5 | DFA 0 5 | RATE 0 0 142858 857148 5 | COMMIT | RET 1 | RET 0`,
  ],
  [
    'zero is a time to begin',
    () => grants({ ...FS, notBefore: 0 }),
    '',
    `
    ACT 0 1 4 | DFA 0 4 | AFTER 0 4 | RET 1 | RET 0`,
  ],
  [
    'zero is a time to end',
    () => grants({ ...FS, expires: 0 }),
    '',
    `
    ACT 0 1 4 | DFA 0 4 | BEFORE 0 4 | RET 1 | RET 0`,
  ],
  [
    'one cell says for all grants that no secret was read',
    () => grants({ ...FS, flow: { forbiddenAfter: 'secret' } }, { ...FS, flow: { forbiddenAfter: 'secret' } }),
    'clean 1 0',
    `
    ACT 0 1 4 | DFA 0 4 | ALIVE 0 0 4 | RET 1 | ACT 0 1 8 | DFA 0 8 | ALIVE 0 0 8 | RET 1 | RET 0`,
  ],
  [
    'a quota and a flow of nothing are no condition',
    () => grants({ ...FS, flow: {}, quota: {} }),
    '',
    `
    ACT 0 1 3 | DFA 0 3 | RET 1 | RET 0`,
  ],
  [
    'arguments are tested by their bit, approval by its slot, each for its grant alone',
    () =>
      grants({ ...TOOL, approval: 'required' }, { ...TOOL, args: { n: { any: true } } }, TOOL, {
        ...TOOL,
        args: { m: { any: true } },
        quota: { calls: 1 },
      }),
    'calls 1 0',
    `
    ACT 0 10000 3 | IN 0 t 3 | RET 1 | ACT 0 10000 7 | IN 0 t 7 | GE 7 1 7 | RET 1 | ACT 0 10000 11 | IN 0 t 11
    CIDR6 3 0100000000000000000000000000000001000000000000000000000000000000 11 | RET 1 | ACT 0 10000 17
    IN 0 t 17 | CIDR6 3 0200000000000000000000000000000002000000000000000000000000000000 17 | CHARGE call 0 17
    COMMIT | RET 1 | RET 0`,
  ],
  [
    'a request has its lookup, with the defaults of a net grant',
    () => grants(NET),
    '',
    `
    ACT 0 100000 5 | IN 6 1,3 5 | EQ 5 443 5 | DFA 2 5 | RET 1 | ACT 0 1000000 10 | IN 6 1,3 10 | EQ 5 443 10
    DFA 2 10 | RET 1 | RET 0`,
  ],
  [
    'networks are alternatives; a lookup asks for no address, no approval and no charge',
    () =>
      grants({
        ...NET,
        schemes: ['http', 'https'],
        methods: ['POST'],
        ports: ['1000-2000'],
        paths: ['/v1/**'],
        cidrs: ['10.0.0.0/8', 'fd00::/8'],
        quota: { calls: 2 },
        expires: 7,
        approval: 'required',
      }),
    'calls 2 0',
    `
    ACT 0 100000 12 | IN 6 4,5,36,37 12 | GE 5 1000 12 | LE 5 2000 12 | DFA 2 12 | DFA 1 12
    CIDR4 3 0a000000ff000000 12 | BEFORE 7000 12 | GE 7 1 12 | CHARGE call 0 12 | COMMIT | RET 1
    ACT 0 100000 24 | IN 6 4,5,36,37 24 | GE 5 1000 24 | LE 5 2000 24 | DFA 2 24 | DFA 1 24
    CIDR6 3 fd000000000000000000000000000000ff000000000000000000000000000000 24 | BEFORE 7000 24 | GE 7 1 24
    CHARGE call 0 24 | COMMIT | RET 1 | ACT 0 1000000 32 | IN 6 4,5,36,37 32 | GE 5 1000 32 | LE 5 2000 32
    DFA 2 32 | DFA 1 32 | BEFORE 7000 32 | RET 1 | RET 0`,
  ],
  [
    'ports are alternatives, and all charge one cell',
    () => grants({ ...NET, ports: [80, 8080], quota: { calls: 2 } }),
    'calls 2 0',
    `
    ACT 0 100000 7 | IN 6 1,3 7 | EQ 5 80 7 | DFA 2 7 | CHARGE call 0 7 | COMMIT | RET 1 | ACT 0 100000 14
    IN 6 1,3 14 | EQ 5 8080 14 | DFA 2 14 | CHARGE call 0 14 | COMMIT | RET 1 | ACT 0 1000000 19 | IN 6 1,3 19
    EQ 5 80 19 | DFA 2 19 | RET 1 | ACT 0 1000000 24 | IN 6 1,3 24 | EQ 5 8080 24 | DFA 2 24 | RET 1 | RET 0`,
  ],
  [
    'a link that can be revoked has a cell that says that it is alive',
    () => chain({ grants: [FS], revocable: true }),
    'alive 1 0',
    `
    ACT 0 1111111111111111 3 | ALIVE 0 0 3 | ACT 0 0 4 | RET 0 | ACT 0 1 7 | DFA 0 7 | RET 1 | RET 0`,
  ],
  [
    'a link may begin at zero',
    () => chain({ grants: [FS], notBefore: 0 }),
    '',
    `
    ACT 0 1111111111111111 3 | AFTER 0 3 | ACT 0 0 4 | RET 0 | ACT 0 1 7 | DFA 0 7 | RET 1 | RET 0`,
  ],
  [
    'a link may end at zero',
    () => chain({ grants: [FS], expires: 0 }),
    '',
    `
    ACT 0 1111111111111111 3 | BEFORE 0 3 | ACT 0 0 4 | RET 0 | ACT 0 1 7 | DFA 0 7 | RET 1 | RET 0`,
  ],
  [
    'what a link charges is committed by each of its grants',
    () => chain({ grants: [FS], quota: { calls: 0 } }),
    'calls 0 0',
    `
    ACT 0 1111111111111111 3 | CHARGE call 0 3 | ACT 0 0 4 | RET 0 | ACT 0 1 8 | DFA 0 8 | COMMIT | RET 1
    RET 0`,
  ],
  [
    'a link has all its conditions before its first grant',
    () => chain({ grants: [FS], revocable: true, notBefore: 1, expires: 2, quota: { calls: 3, bytes: 4 } }),
    'alive 1 0, calls 3 0, bytes 4 0',
    `
    ACT 0 1111111111111111 7 | ALIVE 0 0 7 | AFTER 1000 7 | BEFORE 2000 7 | CHARGE call 1 7 | CHARGE 4 2 7
    ACT 0 0 8 | RET 0 | ACT 0 1 12 | DFA 0 12 | COMMIT | RET 1 | RET 0`,
  ],
  [
    'a link without conditions has nothing before its grants',
    () => chain({ grants: [FS], quota: {}, revocable: false }),
    '',
    `
    ACT 0 1 3 | DFA 0 3 | RET 1 | RET 0`,
  ],
  [
    'what one link allows goes on to the next',
    () => chain({ grants: [FS, TOOL] }, { grants: [FS] }),
    '',
    `
    ACT 0 1 3 | DFA 0 3 | ACT 0 0 7 | ACT 0 10000 6 | IN 0 t 6 | ACT 0 0 7 | RET 0 | ACT 1 1 10 | DFA 0 10
    RET 1 | RET 0`,
  ],
  [
    'the last link commits what those before charged',
    () => chain({ grants: [{ ...FS, quota: { calls: 1 } }], revocable: true }, { grants: [FS], expires: 9 }),
    'alive 1 0, calls 1 0',
    `
    ACT 0 1111111111111111 3 | ALIVE 0 0 3 | ACT 0 0 4 | RET 0 | ACT 0 1 8 | DFA 0 8 | CHARGE call 1 8
    ACT 0 0 9 | RET 0 | ACT 1 1111111111111111 12 | BEFORE 9000 12 | ACT 1 0 13 | RET 0 | ACT 1 1 17 | DFA 0 17
    COMMIT | RET 1 | RET 0`,
  ],
  [
    'the last link commits nothing where nothing was charged',
    () => chain({ grants: [FS], revocable: true }, { grants: [FS, { ...FS, quota: { bytes: 1 } }], revocable: true }),
    'alive 1 0, alive 1 1, bytes 1 1',
    `
    ACT 0 1111111111111111 3 | ALIVE 0 0 3 | ACT 0 0 4 | RET 0 | ACT 0 1 7 | DFA 0 7 | ACT 0 0 8 | RET 0
    ACT 1 1111111111111111 11 | ALIVE 0 1 11 | ACT 1 0 12 | RET 0 | ACT 1 1 15 | DFA 0 15 | RET 1 | ACT 1 1 20
    DFA 0 20 | CHARGE 4 2 20 | COMMIT | RET 1 | RET 0`,
  ],
  [
    'whether a request raises the flow of secrets is asked of all links before anything else',
    () =>
      chain(
        { grants: [FS, { ...FS, paths: ['/s'], flow: { raises: 'secret' } }] },
        {
          grants: [
            { ...FS, flow: { forbiddenAfter: 'secret' } },
            { resource: 'env', actions: ['read'], names: ['S'], flow: { raises: 'secret' } },
          ],
        },
      ),
    'clean 1 0',
    `
    ACT 0 10000000000000000 3 | DFA 0 3 | RET 1 | ACT 0 1000000000000000000 6 | IN 0 S 6 | RET 1 | ACT 0 1 9
    DFA 0 9 | ACT 0 0 10 | RET 0 | ACT 1 100 13 | IN 0 S 13 | RET 1 | ACT 1 1 17 | DFA 0 17 | ALIVE 0 0 17
    RET 1 | RET 0`,
  ],
  [
    'a grant that raises the flow has the cell, where nothing forbids anything, too',
    () => chain({ grants: [FS, { ...FS, quota: { calls: 1 }, flow: { raises: 'secret' } }] }, { grants: [FS] }),
    'clean 1 0, calls 1 0',
    `
    ACT 0 10000000000000000 3 | DFA 0 3 | RET 1 | ACT 0 1 6 | DFA 0 6 | ACT 0 0 11 | ACT 0 1 10 | DFA 0 10
    CHARGE call 1 10 | ACT 0 0 11 | RET 0 | ACT 1 1 15 | DFA 0 15 | COMMIT | RET 1 | RET 0`,
  ],
])('%s', (_claim, make, cells, expected) => {
  const program = make()
  expect(listing(program)).toEqual(expected.trim().split(/\s*[|\n]\s*/))
  expect(cellsOf(program)).toBe(cells)
})

describe('what a program says of itself', () => {
  test('approvals, where one grant of one link needs them', () => {
    const approved = { ...TOOL, approval: 'required' }
    expect(grants(TOOL, approved).approvals).toBe(true)
    expect(chain({ grants: [FS, approved] }, { grants: [FS] }).approvals).toBe(true)
    expect(chain({ grants: [FS] }, { grants: [TOOL, NET] }).approvals).toBe(false)
  })

  test('predicates, in the order of the grants that have some', () => {
    const [first, second] = [{ n: { any: true } }, { m: { any: true } }]
    expect(grants({ ...TOOL, args: first }, TOOL, { ...TOOL, args: second }).predicates).toEqual([first, second])
  })
})

describe('patterns', () => {
  // Each must remember where of the last letters one was an `a`: 2^n states.
  const wild = (letter: string, length: number): string => `/*${letter}${'?'.repeat(length)}`
  const automata = (...paths: string[]): number =>
    listing(grants({ ...FS, paths })).filter((line) => line.startsWith('DFA')).length

  test('that need too many states together are split into halves, in their order', () => {
    expect(automata('/a', '/b', '/a')).toBe(1)
    expect(automata(wild('a', 4), wild('b', 4))).toBe(2)
    expect(automata(wild('a', 4), wild('b', 4), wild('c', 4), wild('d', 4))).toBe(4)
    const { pool } = grants({ ...FS, paths: ['/x', wild('a', 4), wild('b', 4)] })
    const alone = compileGrants(parseGrants([{ ...FS, paths: ['/x'] }]) as readonly Grant[])
    expect(pool.subarray(0, alone.pool.length)).toEqual(alone.pool)
  })

  test('one that alone needs too many is refused by its name', () => {
    expect(() => grants({ ...FS, paths: [wild('a', 12)] })).toThrow(
      new GrantError(`pattern "${wild('a', 12)}" needs more than 255 states: split it or use fewer wildcards`),
    )
  })
})
