/** One command: source text in, the value of the program (or its failure) out. */
import { tellingError } from './grammar.ts'
import { fail, finishMain, isRunning, runTicks, startLife, uncaught } from './loop.ts'
import { call, evaluateModule, evaluateScript, refuseScript } from './natives.ts'
import { EngineCommand, RESULT_BYTES } from './operations.generated.ts'
import {
  apply,
  bytesLength,
  concat,
  isError,
  isPrototypeOf,
  PromisePrototype,
  SafePromise,
  SafeSyntaxError,
} from './primordials.ts'
import { isLoaded, part } from './parts.ts'
import { defineHidden, defineOpen } from './realm/define.ts'
import { isTimerHandle } from './timers.ts'
import { decode } from './values/decode.ts'
import { encode } from './values/encode.ts'
import { ValueError } from './values/error.ts'

/** What the engine hands over (engines/quickjs/operations.ts). Scripts read their input as the global `input`. */
export type Command = { source: string; filename: string; kind: 'script' | 'module' | 'auto'; input?: Uint8Array }

const realm = globalThis
const beginnings: ((filename: string) => void)[] = []
let filename = ''

/**
 * Has `begin` called at the start of every run, with the program's name: what belongs to one run is read anew. A part
 * that is loaded in the middle of a run begins at once.
 */
export function atStart(begin: (filename: string) => void): void {
  defineOpen(beginnings, beginnings.length, begin)
  if (filename !== '') begin(filename)
}

/** The hook `run`: fetches the command and starts it. */
export function run(): void {
  startLife()
  const command = decode(call(EngineCommand)) as Command
  filename = command.filename
  for (let index = 0; index < beginnings.length; index++) (beginnings[index] as (filename: string) => void)(filename)
  main(command)
  runTicks()
}

async function main(command: Command): Promise<void> {
  try {
    const input = command.input === undefined ? undefined : decode(command.input)
    const refusal = command.kind === 'auto' ? refuseScript(command.source, command.filename) : undefined
    const isScript = command.kind !== 'module' && refusal === undefined
    const ran = isScript ? runScript(command, input) : runModule(command, input, refusal)
    const { value } = await pinned(ran)
    if (isRunning()) finishMain(encodeResult(value))
  } catch (error) {
    if (error instanceof Unparsed) fail(error.error, 'syntax')
    else if (error instanceof ValueError) fail(error, 'value')
    else uncaught(error)
  }
}

/** @throws ValueError for a result that the host would not take */
function encodeResult(value: unknown): Uint8Array {
  const payload = encode(value)
  const length = bytesLength(payload)
  if (length <= RESULT_BYTES) return payload
  const fact = concat('the result is ', length, ' bytes; at most ', RESULT_BYTES, ' bytes can cross the border')
  throw new ValueError(fact, 'TOKA_VALUE_SIZE')
}

/** Marks an error as the parser's, not the program's own. */
class Unparsed {
  readonly error: unknown

  constructor(error: unknown) {
    this.error = error
  }
}

/** @param refusal why the source was not taken for a script before, if it was tried */
function parsed<T>(evaluate: () => T, refusal?: unknown): T {
  try {
    return evaluate()
  } catch (error) {
    throw isError(error) && error instanceof SafeSyntaxError
      ? new Unparsed(tellingError(refusal, error, filename))
      : error
  }
}

/** Carries a value out of an async function that must not take it for a promise: any object with `then` would be one. */
type Box = { value: unknown }

const box = (value: unknown): Box => ({ __proto__: null, value }) as Box

/** A promise that `await` takes as it is, even if the guest has changed the constructor of all promises. */
function pinned<T>(promise: Promise<T>): Promise<T> {
  defineHidden(promise, 'constructor', SafePromise)
  return promise
}

/** What a promise of the program comes to; other thenables are values like any other. */
async function settled(value: unknown): Promise<Box> {
  const isPromise = typeof value === 'object' && value !== null && isPrototypeOf(PromisePrototype, value)
  return box(isPromise ? await value : value)
}

/** A by-product of a last statement such as `setTimeout(…)` or `process.on(…)`: a script that ends in one has no value. */
function isByProduct(value: unknown): boolean {
  if (typeof value === 'function' || typeof value === 'symbol' || isTimerHandle(value)) return true
  return isLoaded('node') && value instanceof part<{ EventEmitter: new () => object }>('node').EventEmitter
}

/** A script's completion value. */
async function runScript(command: Command, input: unknown): Promise<Box> {
  defineHidden(realm, 'input', input)
  const completion = await pinned(parsed(() => evaluateScript(command.source, command.filename)))
  const { value } = await pinned(settled(completion.value))
  return box(isByProduct(value) ? undefined : value)
}

/** A module's default export; if it is a function, what it answers when called with the input. */
async function runModule(command: Command, input: unknown, refusal: unknown): Promise<Box> {
  const pair = parsed(() => evaluateModule(command.source, command.filename), refusal)
  await pinned(pair[0])
  const exported = pair[1].default
  if (typeof exported !== 'function') return await pinned(settled(exported))
  const args = command.input === undefined ? [] : [input]
  return await pinned(settled(apply(exported as (...args: unknown[]) => unknown, undefined, args)))
}
