/** One command: source text in, the value of the program (or its failure) out. */
import { settleCall } from './calls.ts'
import { fail, finishMain, guarded, isRunning, runTicks, startLife, uncaught } from './loop.ts'
import { call, detectModule, evaluateModule, evaluateScript } from './natives.ts'
import { EngineCommand } from './operations.generated.ts'
import { apply, defineProperty, deleteProperty, isError, SafeSyntaxError } from './primordials.ts'
import { isTimerHandle } from './timers.ts'
import { decode } from './values/decode.ts'
import { encode } from './values/encode.ts'
import { ValueError } from './values/error.ts'

type Command = { source: string; filename: string; kind: 'script' | 'module' | 'auto'; input?: Uint8Array }

const realm = globalThis
const beginnings: (() => void)[] = []
let inputDefined = false

/** Has `begin` called at the start of every run: what belongs to one run is read anew. */
export function atStart(begin: () => void): void {
  beginnings[beginnings.length] = begin
}

/** The hook `run`: fetches the command and starts it. */
export function run(): void {
  startLife()
  for (let index = 0; index < beginnings.length; index++) (beginnings[index] as () => void)()
  main(decode(call(EngineCommand)) as Command)
  runTicks()
}

/** The hook `settle`. */
export function settle(id: number, ok: boolean, payload: Uint8Array): void {
  guarded(settleCall, undefined, [id, ok, payload])
  runTicks()
}

async function main(command: Command): Promise<void> {
  try {
    const input = command.input === undefined ? undefined : decode(command.input)
    const isModule =
      command.kind === 'module' || (command.kind === 'auto' && detectModule(command.source, command.filename) === 1)
    const value = isModule ? await runModule(command, input) : await runScript(command, input)
    if (isRunning()) finishMain(encode(value))
  } catch (error) {
    if (error instanceof Unparsed) fail(error.error, 'syntax')
    else if (error instanceof ValueError) fail(error, 'value')
    else uncaught(error)
  }
}

/** Marks an error as the parser's, not the program's own. */
class Unparsed {
  readonly error: unknown

  constructor(error: unknown) {
    this.error = error
  }
}

function parsed<T>(evaluate: () => T): T {
  try {
    return evaluate()
  } catch (error) {
    throw isError(error) && error instanceof SafeSyntaxError ? new Unparsed(error) : error
  }
}

/** A script's completion value. One that is only a by-product of the last statement (a function, a timer) is none. */
async function runScript(command: Command, input: unknown): Promise<unknown> {
  offerInput(command.input !== undefined, input)
  const completion = await parsed(() => evaluateScript(command.source, command.filename))
  const value = await completion.value
  return typeof value === 'function' || typeof value === 'symbol' || isTimerHandle(value) ? undefined : value
}

/** A module's default export; if it is a function, what it answers when called with the input. */
async function runModule(command: Command, input: unknown): Promise<unknown> {
  const pair = parsed(() => evaluateModule(command.source, command.filename))
  await pair[0]
  const exported = await pair[1].default
  if (typeof exported !== 'function') return exported
  return await apply(exported as (...args: unknown[]) => unknown, undefined, command.input === undefined ? [] : [input])
}

/** Scripts have no parameter: their input is the global `input`, there only when the run has one. */
function offerInput(given: boolean, input: unknown): void {
  if (!given && !inputDefined) return
  inputDefined = given
  if (given) {
    const descriptor = { __proto__: null, value: input, writable: true, enumerable: false, configurable: true }
    defineProperty(realm, 'input', descriptor)
  } else deleteProperty(realm, 'input')
}
