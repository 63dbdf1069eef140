/** Wasm modules, valid and damaged, at the loader: refused by a TokaError, or rewritten to what is valid and does the same. */
import { readAsset } from '#source'
import { bridgeWasm } from '../../guests/bridge/bridge.generated.ts'
import { cvmWasm } from '../../guests/cvm/cvm.generated.ts'
import { TokaError } from '../../src/errors.ts'
import { describeModule } from '../../src/loader/describe.ts'
import { type RewriteOptions, rewriteModule } from '../../src/loader/rewrite.ts'
import { PREAMBLE } from '../../src/loader/writer.ts'
import { mutateBytes } from './mutate.ts'
import { type Next, numbers, pick, randomBytes } from './numbers.ts'
import { compareBehaviour } from './same-behaviour.ts'
import type { Session, Target } from './session.ts'
import { EVERYTHING, makeProgram } from './wasm-programs.ts'

const METERED: RewriteOptions = { fuel: true, exportState: true }
const OTHERS: readonly RewriteOptions[] = [
  {},
  { ...METERED, maximumPages: 100 },
  { ...METERED, stripData: true, keepExports: [] },
  { fuel: true, trust: 'stranger' },
  { ...METERED, trust: 'stranger', metering: 'exact', maximumPages: 100 },
  { fuel: true, metering: 'exact' },
]
/** Modules above it are rewritten once, with fuel. */
const SMALL_BYTES = 65_536
/** The parts of QuickJS before its code. */
const QUICKJS_FOCUS = 3_000
/** What rewriting may add: to each loop head some 20 bytes, of which its own are at least 2; to each module some exports. */
const GROWTH = 12
const ADDED_BYTES = 65_536

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))

/** After the preamble sections of random bytes, most in the order that wasm asks for. */
function randomSections(next: Next): Uint8Array<ArrayBuffer> {
  const out: number[] = [...PREAMBLE]
  for (const id of [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11]) {
    if (next(2) === 0) continue
    const body = randomBytes(next, 1 + next(12))
    out.push(next(20) === 0 ? next(256) : id, next(8) === 0 ? next(256) : body.length, ...body)
  }
  return new Uint8Array(out)
}

function makeModule(seed: number, quickjs: Uint8Array<ArrayBuffer>, own: readonly Uint8Array<ArrayBuffer>[]) {
  const next = numbers(seed)
  const kind = next(256)
  if (kind < 1) return mutateBytes(quickjs, next, { focus: QUICKJS_FOCUS })
  if (kind < 100) return mutateBytes(EVERYTHING, next, { other: makeProgram(next, 2) })
  if (kind < 180) return mutateBytes(makeProgram(next), next, { other: EVERYTHING })
  if (kind < 200) return makeProgram(next)
  if (kind < 230) return mutateBytes(pick(next, own), next, { other: EVERYTHING })
  return kind < 250 ? randomSections(next) : randomBytes(next, next(200))
}

/** What is left of a message without its numbers and names: the kinds of refusals are few. */
const kindOf = (message: string): string =>
  message
    .replace(/ \(offset .*$/, '')
    .replace(/".*"/gs, '"…"')
    .replace(/0x[\da-f]+|\d+/g, '#')

/** @returns the outcome; throws what is not a refusal of ours */
function refusalOf(act: () => void): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    if (error instanceof TokaError && error.code === 'TOKA_ENGINE_LOAD') return `refused: ${kindOf(error.message)}`
    throw error
  }
}

/** Rewrites and checks the size and the validity of what comes out. */
function rewrite(input: Uint8Array<ArrayBuffer>, options: RewriteOptions): Uint8Array<ArrayBuffer> {
  const { bytes } = rewriteModule(input, options)
  if (!WebAssembly.validate(bytes)) throw new Error(`an invalid module came out of ${JSON.stringify(options)}`)
  if (bytes.length > input.length * GROWTH + ADDED_BYTES)
    throw new Error(`${bytes.length} bytes came out of ${input.length}`)
  return bytes
}

export function executeModule(input: Uint8Array<ArrayBuffer>): string {
  const before = input.slice()
  const outcomes: (string | undefined)[] = []
  outcomes.push(refusalOf(() => void describeModule(input)))
  for (const options of input.length < SMALL_BYTES ? OTHERS : [])
    outcomes.push(refusalOf(() => void rewrite(input, options)))
  let outcome = refusalOf(() => {
    const rewritten = rewrite(input, METERED)
    outcomes.push(`rewritten, ${compareBehaviour(input, rewritten, describeModule(input))}`)
  })
  outcome ??= outcomes.at(-1)
  if (before.some((byte, at) => byte !== input[at])) throw new Error('the input was changed')
  return outcome ?? 'rewritten'
}

export const rewriter: Target = {
  name: 'rewriter',
  open: async (): Promise<Session> => {
    const quickjs = await readAsset('quickjs')
    const own = [bridgeWasm, cvmWasm].map(bytesOf)
    return { make: (seed) => makeModule(seed, quickjs, own), execute: executeModule }
  },
}
