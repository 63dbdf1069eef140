/** Programs for the capability VM at the verifier: refused with a reason, or decided alike by the VM and its reference. */
import { INSTRUCTION_BYTES } from '../../capabilities/isa.ts'
import { verifyProgram } from '../../capabilities/verify.ts'
import { Pair } from './machine-pair.ts'
import { makeRequest, writeProgram } from './machine-programs.ts'
import { choices, type Next, numbers, pick, randomBytes } from './numbers.ts'
import type { Session, Target } from './session.ts'

const MOST_INSTRUCTIONS = 60

/** How a program is damaged, by an input's first byte. */
const Mode = { intact: 0, code: 1, pool: 2, random: 3 } as const

/** One to three bytes: most become small, as operands and opcodes are. */
function damage(next: Next, bytes: Uint8Array): void {
  for (let left = 1 + next(3); left > 0; left--) bytes[next(bytes.length)] = next(4) === 0 ? next(256) : next(17)
}

function makeProgram(next: Next, pair: Pair): { code: Uint8Array<ArrayBuffer>; pool: Uint8Array } {
  const mode = next(4)
  const pool = pair.pool.bytes.slice()
  const code =
    mode === Mode.random
      ? randomBytes(next, (1 + next(6)) * INSTRUCTION_BYTES)
      : writeProgram(next, pair.pool, next(8) ? 12 : MOST_INSTRUCTIONS)
  if (mode === Mode.random) for (let at = 0; at < code.length; at += INSTRUCTION_BYTES) code[at] = next(18)
  if (mode === Mode.code) damage(next, code)
  if (mode === Mode.pool) damage(next, pool)
  // Half an instruction, or none.
  return { code: next(50) === 1 ? code.slice(0, next(code.length)) : code, pool }
}

function execute(input: Uint8Array, pair: Pair): string {
  const next = choices(input)
  const { code, pool } = makeProgram(next, pair)
  const program = pair.program(code, pool)
  const problem: unknown = verifyProgram(program)
  if (problem !== undefined) {
    if (typeof problem !== 'string' || !/^[a-zA-Z][\w ,:-]{10,}$/.test(problem))
      throw new Error(`refused as ${problem}`)
    return `refused: ${problem.replace(/\d+/g, '#')}`
  }
  for (let left = 1 + next(3); left > 0; left--) {
    const { request, cells } = makeRequest(next)
    const difference = pair.differ(program, request, cells)
    if (difference !== undefined) throw new Error(difference)
  }
  return pair.end
}

export const verifier: Target = {
  name: 'verifier',
  open: async (): Promise<Session> => {
    const pair = new Pair()
    return {
      make: (seed) => {
        const next = numbers(seed)
        const mode = pick(next, [Mode.intact, Mode.intact, Mode.code, Mode.code, Mode.pool, Mode.pool, Mode.random])
        return new Uint8Array([mode, ...randomBytes(next, 60 + next(500))])
      },
      execute: (input) => execute(input, pair),
    }
  },
}
