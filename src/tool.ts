/** A named, typed function of the host that a guest may call: its definition, and the calls with both sides checked. */
import * as z from 'zod'
import { TokaError } from './errors.ts'
import { GuestFacingError, type MaybePromise } from './kernel/host-port.ts'
import { decodeValue, encodeValue } from './kernel/values.ts'
import type { WaitingThread } from './kernel/waiting-thread.ts'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'
import type { ArgumentSecret } from './network-options.ts'
import { type ToolEvent, watchCall } from './tool-events.ts'

/** What a tool's function gets beside its input. */
export type ToolContext = {
  /**
   * Aborted when the run that made the call ends, whatever the reason. A listener that throws is an uncaught exception
   * of your program, as with every AbortSignal.
   */
  signal: AbortSignal
  /** One value a call: what a result's `pending` names when the run was stopped before the call's outcome was known. */
  idempotencyKey: string
}

/** A host tool. Build one with `defineTool`, which checks it and infers the types. */
export type Tool = {
  readonly name: string
  readonly description: string
  readonly input: z.ZodType
  readonly output?: z.ZodType
  /** Whether a call changes nothing: such a call may be repeated safely. */
  readonly readOnly: boolean
  run(input: never, context: ToolContext): unknown
}

/** What a guest learns of a tool. */
export type ToolDescription = { name: string; description: string; readOnly: boolean; input: unknown; output?: unknown }

/** A JavaScript identifier: in every guest language a tool is called by its name. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/
/** Longest text of a tool's error that a guest sees, in UTF-16 units. */
const ERROR_TEXT = 500

function schemaOf(name: string, side: 'input' | 'output', schema: z.ZodType): Record<string, unknown> {
  try {
    return z.toJSONSchema(schema, { io: side, unrepresentable: 'any' })
  } catch (error) {
    throw new TokaError('TOKA_TOOL_INVALID', `tool ${name}: its ${side} is not a zod schema`, { cause: error })
  }
}

/**
 * Defines a tool.
 * @param definition `name` is an identifier of at most 64 characters; `input` a zod schema of an object
 * @throws TokaError TOKA_TOOL_INVALID naming the field
 * @example defineTool({ name: 'lookup', description: 'Find a customer', input: z.object({ id: z.string() }), run: ({ id }) => find(id) })
 */
export function defineTool<I extends z.ZodType, O extends z.ZodType = z.ZodUnknown>(definition: {
  name: string
  description: string
  input: I
  output?: O
  readOnly?: boolean
  run(input: z.output<I>, context: ToolContext): MaybePromise<z.input<O>>
}): Tool {
  const { name, description, input, output, readOnly = false, run } = definition
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new TokaError(
      'TOKA_TOOL_INVALID',
      `a tool's name is an identifier of at most 64 characters, not ${JSON.stringify(name)}`,
    )
  }
  if (typeof description !== 'string')
    throw new TokaError('TOKA_TOOL_INVALID', `tool ${name}: description must be a string`)
  if (typeof run !== 'function') throw new TokaError('TOKA_TOOL_INVALID', `tool ${name}: run must be a function`)
  const shape = schemaOf(name, 'input', input)
  if (shape['type'] !== 'object') {
    throw new TokaError(
      'TOKA_TOOL_INVALID',
      `tool ${name}: input must be a schema of an object (z.object({ … })), not of ${String(shape['type'] ?? 'something else')}`,
    )
  }
  if (output) schemaOf(name, 'output', output)
  const tool: Tool = { name, description, input, readOnly, run: run as Tool['run'], ...(output ? { output } : {}) }
  made.add(tool)
  return Object.freeze(tool)
}

/** What `defineTool` has checked; a look-alike was not. */
const made = new WeakSet<Tool>()

/** Tools do not change, and a schema takes longer to describe than a small run. */
const descriptions = new WeakMap<Tool, ToolDescription>()

/** A tool as guests see it, its schemas as JSON Schema. */
export function describeTool(tool: Tool): ToolDescription {
  let description = descriptions.get(tool)
  if (!description) {
    description = makeDescription(tool)
    descriptions.set(tool, description)
  }
  return description
}

function makeDescription(tool: Tool): ToolDescription {
  return {
    name: tool.name,
    description: tool.description,
    readOnly: tool.readOnly,
    input: schemaOf(tool.name, 'input', tool.input),
    ...(tool.output ? { output: schemaOf(tool.name, 'output', tool.output) } : {}),
  }
}

/** A call whose outcome is unknown because the run was stopped while it was under way. */
export type PendingCall = { tool: string; idempotencyKey: string }

/** Bytes that one argument or one result may have, encoded. */
type CallLimits = Pick<Limits, 'structuredBytes' | 'flatBytes'>

/** What a sandbox needs of its tools, wherever they run. */
export interface Tools {
  /** Of the guest that calls, where it keeps the thread until its run is over and is told there of what comes later. */
  readonly thread?: WaitingThread | undefined
  /** Told of the calls of the run in progress, where they are made; must not throw. */
  watch: ((event: ToolEvent) => void) | undefined
  /** The same tools for another sandbox, whose calls are its own. */
  copy(): Tools
  /** A run is over: the calls that the host has not answered yet, which are nobody's from here on. */
  takePending(): PendingCall[]
  describe(): ToolDescription[]
  /** Calls a tool with an encoded argument. Throws or rejects with a GuestFacingError. */
  call(name: string, input: Uint8Array, signal: AbortSignal): MaybePromise<Uint8Array>
}

/** What the embedding thread does for gates beside calling tools, by a name that no tool can have. Bytes in and out. */
export type Service = {
  call(input: Uint8Array, signal: AbortSignal): MaybePromise<Uint8Array>
  /** A run is over: nobody asks for what it left. */
  ended?(): void
}
export type Services = ReadonlyMap<string, Service>

/** Begins the names of services: a guest cannot reach them as tools. */
export const SERVICE_PREFIX = 'toka:'

/** Tools by name, with the calls of one sandbox's guests. */
export class Toolbox implements Tools {
  watch: ((event: ToolEvent) => void) | undefined
  readonly #limits: CallLimits
  readonly #tools = new Map<string, Tool>()
  readonly #services: Services
  readonly #makeServices: () => Services
  readonly #secrets: readonly ArgumentSecret[]
  #underWay = new Set<PendingCall>()

  /**
   * @throws TokaError TOKA_TOOL_INVALID when two have one name, or one was not made by `defineTool`; TOKA_REQUEST_INVALID
   *   for a secret of a tool that is not among them
   */
  constructor(
    tools: readonly Tool[],
    { structuredBytes, flatBytes }: CallLimits = DEFAULT_LIMITS,
    makeServices: () => Services = () => new Map(),
    secrets: readonly ArgumentSecret[] = [],
  ) {
    this.#secrets = secrets
    this.#makeServices = makeServices
    this.#services = makeServices()
    this.#limits = { structuredBytes, flatBytes }
    for (const tool of tools) {
      if (!made.has(tool)) throw new TokaError('TOKA_TOOL_INVALID', 'tools must be made with defineTool')
      if (this.#tools.has(tool.name)) throw new TokaError('TOKA_TOOL_INVALID', `two tools are named ${tool.name}`)
      this.#tools.set(tool.name, tool)
    }
    // Unlike a grant, a secret is said for one sandbox, beside its tools: a name that is none of them is a mistake.
    const stray = secrets.find(({ tool }) => !this.#tools.has(tool))
    if (stray)
      throw new TokaError(
        'TOKA_REQUEST_INVALID',
        `secrets: no tool is named ${JSON.stringify(stray.tool.slice(0, 64))}`,
      )
  }

  copy(): Toolbox {
    return new Toolbox([...this.#tools.values()], this.#limits, this.#makeServices, this.#secrets)
  }

  takePending(): PendingCall[] {
    for (const service of this.#services.values()) service.ended?.()
    const pending = [...this.#underWay]
    this.#underWay = new Set()
    return pending
  }

  /** Whether a tool or a service may be asked for by this name. */
  has(name: string): boolean {
    return name.startsWith(SERVICE_PREFIX) || this.#tools.has(name)
  }

  describe(): ToolDescription[] {
    return [...this.#tools.values()].map(describeTool)
  }

  /**
   * Calls a tool with an encoded argument.
   * @throws GuestFacingError TOKA_TOOL_UNKNOWN, TOKA_TOOL_INPUT, TOKA_TOOL_OUTPUT, TOKA_TOOL_FAILED or TOKA_VALUE_SIZE
   *   (also as rejection)
   */
  call(name: string, input: Uint8Array, signal: AbortSignal): MaybePromise<Uint8Array> {
    const service = this.#services.get(name)
    if (service) return service.call(input, signal)
    const tool = this.#tools.get(name)
    if (!tool) throw new GuestFacingError('TOKA_TOOL_UNKNOWN', `no tool is named ${name}`)
    const call: PendingCall = { tool: name, idempotencyKey: crypto.randomUUID() }
    const act = (): MaybePromise<Uint8Array> => this.#make(tool, call, input, signal)
    return this.watch ? watchCall(call, this.watch, act) : act()
  }

  #make(tool: Tool, call: PendingCall, input: Uint8Array, signal: AbortSignal): MaybePromise<Uint8Array> {
    const { name } = tool
    const given = this.#withSecrets(name, decodeInput(name, input, this.#limits))
    const parsed = checked(tool.input, given, 'TOKA_TOOL_INPUT', name)
    let output: unknown
    try {
      output = tool.run(parsed as never, { signal, idempotencyKey: call.idempotencyKey })
      // A thenable of the host's is awaited here, on the host's side: the guest only ever gets bytes.
      if (isThenable(output)) return this.#later(tool, call, output)
    } catch (error) {
      throw toolFailure(name, error)
    }
    return encodeOutput(tool, output, this.#limits)
  }

  /** The arguments with those that the guest neither sets nor sees. */
  #withSecrets(name: string, input: unknown): unknown {
    const secrets = this.#secrets.filter(({ tool }) => tool === name)
    if (secrets.length === 0 || typeof input !== 'object' || input === null || Array.isArray(input)) return input
    return { ...input, ...Object.fromEntries(secrets.map(({ argument, value }) => [argument, value])) }
  }

  async #later(tool: Tool, call: PendingCall, output: PromiseLike<unknown>): Promise<Uint8Array> {
    const underWay = this.#underWay.add(call)
    let value: unknown
    try {
      value = await output
    } catch (error) {
      throw toolFailure(tool.name, error)
    } finally {
      underWay.delete(call)
    }
    return encodeOutput(tool, value, this.#limits)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}

function issues(error: z.ZodError): string {
  return error.issues
    .slice(0, 5)
    .map((issue) => `${['$', ...issue.path].join('.')}: ${issue.message}`)
    .join('; ')
}

/** A guest's argument. What cannot be taken is the guest's mistake, and is told so. */
function decodeInput(name: string, input: Uint8Array, limits: CallLimits): unknown {
  try {
    return decodeValue(input, limits)
  } catch (error) {
    if (!(error instanceof TokaError)) throw error
    const major = (input[0] ?? 0) >>> 5
    const limit = major === 2 || major === 3 ? 'flatBytes' : 'structuredBytes'
    const fact =
      input.length > limits[limit]
        ? `it is ${input.length.toLocaleString('en')} bytes; limits.${limit} is ${limits[limit].toLocaleString('en')}`
        : error.message
    throw new GuestFacingError(error.code, `the argument of ${name} cannot cross the border: ${fact}`)
  }
}

/**
 * What a schema makes of a value. One that throws, or that is asynchronous, is as good as one that says no.
 * @param what begins the message
 */
function checked(
  schema: z.ZodType,
  value: unknown,
  code: 'TOKA_TOOL_INPUT' | 'TOKA_TOOL_OUTPUT',
  what: string,
): unknown {
  let parsed: z.ZodSafeParseResult<unknown>
  try {
    parsed = schema.safeParse(value)
  } catch (error) {
    throw new GuestFacingError(code, `${what}: ${toolFailure(what, error).message}`)
  }
  if (!parsed.success) throw new GuestFacingError(code, `${what}: ${issues(parsed.error)}`)
  return parsed.data
}

function encodeOutput(tool: Tool, value: unknown, limits: CallLimits): Uint8Array {
  let output = value
  if (tool.output) {
    output = checked(tool.output, value, 'TOKA_TOOL_OUTPUT', `${tool.name} answered something else than it promises`)
  }
  try {
    return encodeValue(output, limits)
  } catch (error) {
    if (error instanceof TokaError && error.code === 'TOKA_VALUE_SIZE') {
      const isFlat = typeof output === 'string' || ArrayBuffer.isView(output) || output instanceof ArrayBuffer
      const limit = / bytes/.test(error.message) ? ` (limits.${isFlat ? 'flatBytes' : 'structuredBytes'})` : ''
      throw new GuestFacingError(
        error.code,
        `the result of ${tool.name} cannot cross the border: ${error.message}${limit}`,
      )
    }
    const reason = error instanceof TokaError ? error.message : 'its result cannot be read'
    throw new GuestFacingError('TOKA_TOOL_OUTPUT', `${tool.name}: ${reason}`)
  }
}

/** The error as a guest may see it: its message, bounded, without the host path that Node's file errors carry. */
function toolFailure(name: string, error: unknown): GuestFacingError {
  let message = 'the tool failed'
  try {
    if (error instanceof Error) {
      message = String(error.message)
      for (const key of ['path', 'dest'] as const) {
        const path = (error as { path?: unknown; dest?: unknown })[key]
        if (typeof path === 'string' && path !== '') message = message.replaceAll(path, '(a host path)')
      }
    } else if (typeof error === 'string') message = error
  } catch {
    // A getter or a Proxy in the thrown value: its text is not worth a fault.
  }
  return new GuestFacingError('TOKA_TOOL_FAILED', `${name}: ${message.slice(0, ERROR_TEXT)}`)
}
