/** The machine in WebAssembly against the machine in TypeScript: the same programs, the same requests, the same verdicts. */
import { expect, test } from 'vitest'
import { Reason } from '../../capabilities/isa.ts'
import { verifyProgram } from '../../capabilities/verify.ts'
import { Pair } from '../fuzz/machine-pair.ts'
import { makeRequest, writeProgram } from '../fuzz/machine-programs.ts'
import { numbers } from '../fuzz/numbers.ts'
import { executeSeeds } from '../fuzz/session.ts'
import { verifier } from '../fuzz/verifier.ts'

test('random programs are decided alike, with the same charges, expiries and things to test again', () => {
  const pair = new Pair()
  const next = numbers(1)
  const tally: Record<string, number> = {}
  for (let round = 0; round < 250_000; round++) {
    const program = pair.program(writeProgram(next, pair.pool))
    const { request, cells } = makeRequest(next)
    if (round % 200 === 0) expect(verifyProgram(program)).toBeUndefined()
    const difference = pair.differ(program, request, cells)
    if (difference !== undefined) throw new Error(`round ${round}: ${difference}`)
    tally[pair.end] = (tally[pair.end] ?? 0) + 1
  }
  // The programs must reach every kind of end, or the comparison says nothing about it.
  for (const reason of [
    Reason.NO_GRANT,
    Reason.NOT_YET,
    Reason.EXPIRED,
    Reason.REVOKED,
    Reason.FLOW,
    Reason.RATE,
    Reason.QUOTA,
    Reason.FAULT,
  ]) {
    expect(tally[`reason ${reason}`], `reason ${reason}`).toBeGreaterThan(100)
  }
  for (const entries of [0, 1, 2]) expect(tally[`allowed with ${entries}`], `${entries} entries`).toBeGreaterThan(500)
}, 30_000)

test('a program with changed code or constants is refused by the verifier with a reason, or decided alike', async () => {
  const tally = await executeSeeds(await verifier.open(), 1, 60_000)
  const refused = [...tally].filter(([outcome]) => outcome.startsWith('refused'))
  const sum = (entries: [string, number][]): number => entries.reduce((all, [, count]) => all + count, 0)
  expect(refused.length).toBeGreaterThan(20)
  expect(sum(refused)).toBeGreaterThan(5_000)
  expect(sum([...tally]) - sum(refused)).toBeGreaterThan(2_000)
}, 60_000)

test('flags of the sandbox are seen by FLAG, and only ever rise', () => {
  const pair = new Pair()
  const next = numbers(3)
  pair.cvm.exports.raiseFlags(1)
  pair.cvm.exports.raiseFlags(0)
  for (let round = 0; round < 5_000; round++) {
    const program = pair.program(writeProgram(next, pair.pool))
    const { request, cells } = makeRequest(next)
    expect(pair.differ(program, { ...request, flags: 1 }, cells)).toBeUndefined()
  }
})
