/** The rows of tokens and decisions: one decision at the gate and by a token, chains verified, rules by the thousand; beside Cedar and Biscuit in the same run. */
import { Action, HandleRight, RequestFlag } from '../capabilities/isa.ts'
import { parseRule } from '../src/gate/grants.ts'
import { Calls } from '../src/gate/calls.ts'
import { Cvm } from '../src/gate/cvm.ts'
import { createLedger } from '../src/gate/ledger.ts'
import { openPolicy } from '../src/gate/policy.ts'
import { createSecurityManager, memoryKeys, memoryStore } from '../src/security/index.ts'
import { openChain, splitToken } from '../capabilities/tokens/chain.ts'
import { importVerifyingKey } from '../capabilities/tokens/keys.ts'
import { type Measure, measure } from './measure.ts'
import { decisionPeers } from './peers/decisions.ts'

const RULES = [1, 100, 1_000, 10_000]
/** Patterns of one grant, at most. */
const ITEMS = 256
/** Decisions timed together: one takes less than a clock can tell. */
const BATCH = 1_000
const ALONE_BATCH = 2_000

/** A directory for each rule; what is asked for lies in the last one. */
export const ruleOf = (index: number): string => `/data/customer-${index}/**`
const fileOf = (rules: number): string => `/data/customer-${rules - 1}/2026/report.csv`

function grantsOf(rules: number) {
  const paths = Array.from({ length: rules }, (_, index) => ruleOf(index))
  return Array.from({ length: Math.ceil(rules / ITEMS) }, (_, at) => ({
    resource: 'fs' as const,
    actions: ['read' as const],
    paths: paths.slice(at * ITEMS, (at + 1) * ITEMS),
  }))
}

/** A gate's calls over grants, as a sandbox has them. */
function openCalls(grants: unknown): Calls {
  const ledger = createLedger()
  const policy = openPolicy(grants, ledger)
  const calls = new Calls(new Cvm(policy.program, policy.account, ledger), { ...policy, ledger }, () => Date.now(), {})
  calls.cvm.exports.begin(0xffffffff, 1)
  return calls
}

async function batch(name: string, work: () => unknown): Promise<Measure> {
  const run = async (): Promise<void> => {
    for (let index = 0; index < BATCH; index++) work()
  }
  return measure(name, 'us', 60, run, BATCH)
}

async function* gateRows(): AsyncGenerator<Measure> {
  for (const rules of RULES) {
    let calls: Calls
    try {
      calls = openCalls(grantsOf(rules))
    } catch (error) {
      process.stderr.write(`${rules} rules are refused: ${(error as Error).message}\n`)
      continue
    }
    const name = fileOf(rules)
    const decide = () => {
      const permit = calls.ask({ operation: 'fs.read', name })
      if (!permit) throw new Error(`${name} was refused`)
      calls.cancel(permit)
    }
    yield await batch(`decision at the gate, ${rules} rules: Toka`, decide)
  }
  const calls = openCalls([{ ...parseRule('fs.read=/data/**'), quota: { bytes: Number.MAX_SAFE_INTEGER } }])
  const permit = calls.ask({ operation: 'fs.read', name: '/data/a' })!
  const handle = calls.cvm.exports.openHandle(permit.reservation, 0)
  calls.cancel(permit)
  const read = () => {
    const allowed = calls.askHandle('fs.read', '/data/a', handle, HandleRight.READ, 1, 1)
    if (!allowed) throw new Error('the handle was refused')
    calls.cancel(allowed)
  }
  yield await batch('decision on an open handle, with a quota: Toka', read)
}

/** Decisions of the machine alone: nothing of JavaScript but the call. They take less than any clock can tell, so many are timed together. */
async function alone(name: string, work: () => number): Promise<Measure> {
  const run = async (): Promise<void> => {
    for (let index = 0; index < ALONE_BATCH; index++) if (work() < 0) throw new Error(`refused: ${name}`)
  }
  return measure(name, 'ns', 1_000, run, ALONE_BATCH)
}

/** What the capability VM itself takes, without canonical forms, the log and the copy of the name. */
async function* machineRows(): AsyncGenerator<Measure> {
  for (const rules of [1, 100]) {
    const { cvm } = openCalls(grantsOf(rules))
    const { decide } = cvm.exports
    const name = fileOf(rules)
    const length = cvm.write(name)
    const what = `the CVM alone, ${rules === 1 ? 'a path' : `${rules} path rules`}`
    yield await alone(`${what} (${length} bytes)`, () => decide(Action['fs.read'], length, 0, 0, 0, RequestFlag.PROBE))
    yield await alone(`${what}, its name copied in before`, () =>
      decide(Action['fs.read'], cvm.write(name), 0, 0, 0, RequestFlag.PROBE),
    )
  }
  for (const quota of [undefined, { bytes: Number.MAX_SAFE_INTEGER }]) {
    const { cvm } = openCalls([{ ...parseRule('fs.read=/data/**'), ...(quota ? { quota } : {}) }])
    const { decide, openHandle, checkHandle, cancel } = cvm.exports
    const opened = decide(Action['fs.read'], cvm.write('/data/a'), 0, 0, 0, 0)
    const handle = openHandle(opened, 0)
    cancel(opened)
    const what = quota ? 'an open handle with a quota' : 'an open handle'
    yield await alone(`the CVM alone, ${what}: asked and settled`, () => {
      const answer = checkHandle(handle, HandleRight.READ, 1, 1, 0)
      return answer < 0 ? answer : cancel(answer)
    })
  }
}

async function* tokenRows(): AsyncGenerator<Measure> {
  const security = createSecurityManager({ keys: memoryKeys(), store: memoryStore() })
  await security.rotate()
  const [key] = await security.publicKeys()
  const verifying = await importVerifyingKey(key!.jwk, key!.alg)
  let { token } = await security.mint({ grants: grantsOf(1) })
  const request = { operation: 'fs.read' as const, resource: '/data/customer-0/2026/2026/report.csv' }
  for (let links = 1; links <= 8; links++) {
    // Each link takes a directory more away: its proof cannot be that nothing changed.
    const narrower = `/data/customer-0/${'2026/'.repeat(Math.min(links, 3) - 1)}**`
    if (links > 1) token = (await security.attenuate(token, { grants: [parseRule(`fs.read=${narrower}`)] })).token
    if (links !== 1 && links !== 3 && links !== 8) continue
    const text = token
    yield await measure(`verify a chain of ${links}, never seen before: Toka`, 'us', 60, () =>
      openChain(splitToken(text), { rootKey: () => verifying }),
    )
    yield await measure(`authorize by a chain of ${links}, seen before: Toka`, 'us', 300, () =>
      security.authorize({ token: text, ...request }),
    )
  }
  await security.close()
}

export async function* measures(): AsyncGenerator<Measure> {
  yield* machineRows()
  yield* gateRows()
  yield* tokenRows()
  yield* decisionPeers({ rules: RULES, ruleOf, fileOf })
}
