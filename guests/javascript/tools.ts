/** `tools`: the host's tools as functions, listed anew in every run. */
import { awaitCall } from './calls.ts'
import { callHost, codedError, errorOf } from './failures.ts'
import { begin, beginPlain, callPlain, encodeUtf8, NONE, withWord } from './natives.ts'
import { ToolCall, ToolList } from './operations.generated.ts'
import {
  bytesLength,
  bytesTag,
  create,
  freeze,
  keysOf,
  SafePromise,
  SafeProxy,
  setBytes,
  concat,
} from './primordials.ts'
import { defineHidden, defineOpen } from './realm/define.ts'
import { atStart } from './run.ts'
import { decode } from './values/decode.ts'
import { encodeView } from './values/encode.ts'

type Description = { name: string; description?: string }
type Tool = ((input?: unknown) => Promise<unknown>) & { sync: (input?: unknown) => unknown }

let listed: Record<string, Tool> | undefined

atStart(() => {
  listed = undefined
})

/** What comes before the encoded input: u32 length of the name, the name. */
function toolPrefix(name: string): Uint8Array {
  const text = encodeUtf8(name)
  const length = bytesLength(text)
  const prefix = withWord(length, length)
  setBytes(prefix, text, 4)
  return prefix
}

/** A function that calls a host tool, or what the host answers by a name that no tool has. */
export function makeTool(name: string): Tool {
  const prefix = toolPrefix(name)
  const tool = (input?: unknown): Promise<unknown> =>
    new SafePromise((resolve, reject) => {
      callWithin(reject, () => {
        const begun = beginPlain(ToolCall, prefix, input, NONE)
        const id = begun === NONE ? begin(ToolCall, encodeView(input, prefix)) : (begun as number)
        awaitCall(
          id,
          (payload) => resolve(decode(payload)),
          (payload) => reject(errorOf(payload)),
        )
      })
    })
  const sync = (input?: unknown): unknown => {
    const answer = callPlainly(prefix, input)
    return answer === NONE ? decode(callHost(ToolCall, encodeView(input, prefix))) : answer
  }
  defineHidden(tool, 'name', name)
  defineHidden(sync, 'name', concat(name, '.sync'))
  defineOpen(tool, 'sync', freeze(sync))
  return freeze(tool) as Tool
}

/** @returns NONE, without a call, for what is not plain */
function callPlainly(prefix: Uint8Array, input: unknown): unknown {
  try {
    return callPlain(ToolCall, prefix, input, NONE)
  } catch (thrown) {
    throw bytesTag(thrown) === 'Uint8Array' ? errorOf(thrown) : thrown
  }
}

/** Begins a call; what it throws at once rejects. */
function callWithin(reject: (error: unknown) => void, start: () => void): void {
  try {
    start()
  } catch (thrown) {
    reject(bytesTag(thrown) === 'Uint8Array' ? errorOf(thrown) : thrown)
  }
}

function toolTable(): Record<string, Tool> {
  if (listed !== undefined) return listed
  const table: Record<string, Tool> = create(null)
  const descriptions = decode(callHost(ToolList)) as Description[]
  for (let index = 0; index < descriptions.length; index++) {
    const { name } = descriptions[index] as Description
    table[name] = makeTool(name)
  }
  listed = table
  return table
}

const TAG = Symbol.toStringTag

/** Names that the language itself or a formatter asks every object for: they are no misspelled tools. */
const ASKED: Record<string, boolean> = {
  __proto__: null as never,
  then: true,
  toJSON: true,
  constructor: true,
  toString: true,
  valueOf: true,
}

function unknownTool(name: string): Error {
  const names = keysOf(toolTable())
  const known = names.length === 0 ? 'this sandbox has no tools' : concat('there are: ', joinNames(names))
  return codedError('TOKA_TOOL_UNKNOWN', concat('No tool is named "', name, '"; ', known))
}

function joinNames(names: string[]): string {
  let text = ''
  for (let index = 0; index < names.length && text.length < 500; index++)
    text += (index === 0 ? '' : ', ') + names[index]
  return text
}

/** `await tools.name(input)`, `tools.name.sync(input)`. A name that no tool has is an error at once. */
export const tools = new SafeProxy(
  create(null) as Record<string, Tool>,
  {
    __proto__: null,
    get(_target, name) {
      if (typeof name === 'symbol') return name === TAG ? 'tools' : undefined
      const tool = toolTable()[name]
      if (tool === undefined && !ASKED[name]) throw unknownTool(name)
      return tool
    },
    has: (_target, name) => typeof name === 'string' && toolTable()[name] !== undefined,
    ownKeys: () => keysOf(toolTable()),
    getOwnPropertyDescriptor(_target, name) {
      const tool = typeof name === 'string' ? toolTable()[name] : undefined
      return (
        tool &&
        ({ __proto__: null, value: tool, writable: false, enumerable: true, configurable: true } as PropertyDescriptor)
      )
    },
    set: () => false,
    defineProperty: () => false,
    deleteProperty: () => false,
    setPrototypeOf: () => false,
    preventExtensions: () => false,
  } as ProxyHandler<Record<string, Tool>>,
)
