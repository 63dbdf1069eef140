/** A component in, tools out: each of its functions as one that other guests may call, in a sandbox of its own. */
import type { GuestFunction, ValueShape } from './engine.ts'
import { loadEngine } from './engines.ts'
import { TokaError } from './errors.ts'
import { sha256, toHex } from './loader/hash.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import type { SandboxOptions } from './request.ts'
import type { Toka } from './toka.ts'
import { defineTool, type Tool } from './tool.ts'
import { schemaOfParameters, schemaOfShape } from './wit-schema.ts'

/** What the tools' sandboxes are made of, and which functions are tools. */
export type ComponentToolOptions = Omit<SandboxOptions, 'language' | 'module' | 'signal'> & {
  /** The component. */
  module: Uint8Array
  /** Functions to make tools of, as the component names them or as short as only one has it; default all. */
  exports?: readonly string[]
  /** What a tool is for, by the name of its function. */
  descriptions?: Readonly<Record<string, string>>
}

/** `getCustomer` of `test:shop/customers@1.0.0#get-customer`. */
function toolName(full: string): string {
  const name = full.split('#').at(-1) ?? full
  return name.replace(/-([a-zA-Z0-9])/g, (_, first: string) => first.toUpperCase())
}

/** A result that can fail: its error is the tool's. */
function okOf(result: ValueShape | undefined): ValueShape | undefined {
  return result?.kind === 'result' && 'cases' in result ? result.cases[0]?.type : result
}

function settle({ name, result }: GuestFunction, value: unknown): unknown {
  if (result?.kind !== 'result') return value
  const { tag, val } = value as { tag: string; val?: unknown }
  if (tag === 'ok') return val
  throw new Error(typeof val === 'string' ? val : `${name} failed: ${shown(val)}`)
}

function shown(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? String(one) : one)) ?? 'no reason given'
}

function toolOf(toka: Toka, func: GuestFunction, options: ComponentToolOptions): Tool {
  const { module, exports: _, descriptions = {}, ...sandbox } = options
  const name = toolName(func.name)
  const output = okOf(func.result)
  return defineTool({
    name,
    description: descriptions[func.name] ?? descriptions[name] ?? `${func.name} of a component`,
    input: schemaOfParameters(name, func.params),
    ...(output ? { output: schemaOfShape(name, output) } : {}),
    run: async (input, { signal }) => {
      const given = input as Record<string, unknown>
      const args = func.params.map(({ key }) => given[key])
      const ended = await toka.run({ ...sandbox, language: 'wasm', module, call: func.name, input: args, signal })
      if (ended.error) throw new Error(`${name}: ${ended.error.message}`)
      return settle(func, ended.value)
    },
  })
}

/** See `componentTools`. */
export async function makeComponentTools(toka: Toka, options: ComponentToolOptions): Promise<Tool[]> {
  const bytes = new Uint8Array(options.module)
  const { memoryBytes } = DEFAULT_LIMITS
  const guest = { bytes, sha256: toHex(await sha256(bytes)), metering: 'fast', memoryBytes } as const
  const functions = (await loadEngine('wasm', guest)).describe?.(guest)
  if (!functions)
    throw new TokaError('TOKA_ENGINE_LOAD', 'module: tools are made of components, and this is a core module')
  const make = (func: GuestFunction): Tool => toolOf(toka, func, { ...options, module: bytes })
  if (options.exports) return options.exports.map((name) => make(find(functions, name)))
  try {
    return functions.map(make)
  } catch (error) {
    throw withUsable(error, functions, make)
  }
}

/** Names that a message lists. */
const MOST_LISTED = 20

/** Of a component some of whose functions are no tools, the others have to be named. */
function withUsable(error: unknown, functions: readonly GuestFunction[], make: (func: GuestFunction) => Tool): unknown {
  if (!(error instanceof TokaError && error.code === 'TOKA_TOOL_INVALID')) return error
  const usable = functions.filter((func) => {
    try {
      return make(func)
    } catch {
      return false
    }
  })
  const names = usable.map((one) => one.name)
  const listed = names.slice(0, MOST_LISTED).join(', ') + (names.length > MOST_LISTED ? ', …' : '')
  const hint = names.length === 0 ? 'no function of it can be one' : `name in \`exports\` what can be: ${listed}`
  return new TokaError(error.code, `${error.message}; ${hint}`)
}

function find(functions: readonly GuestFunction[], name: string): GuestFunction {
  const found = functions.filter((one) => one.name === name || one.name.endsWith(`#${name}`))
  const [only] = found
  if (only && found.length === 1) return only
  const names = functions.map((one) => one.name).slice(0, MOST_LISTED)
  throw new TokaError(
    'TOKA_REQUEST_INVALID',
    `exports: the component has ${found.length === 0 ? 'no' : 'several'} ${JSON.stringify(name)}; it has ${names.join(', ')}`,
  )
}
