/** What goes in: the options of a sandbox and the request of a run, checked at the border by one schema each. */
import * as z from 'zod'
import { explain } from '../capabilities/explain.ts'
import { once } from '../capabilities/once.ts'
import type { GrantInput } from '../capabilities/schema.ts'
import { TokaError } from './errors.ts'
import type { MountSource } from './host/mount-source.ts'
import { isPackageName } from './packages/wanted.ts'
import type { NetworkOptions, Secret } from './network-options.ts'
import { BORDER, DEFAULT_LIMITS, type Limits, type Metering } from './limits.ts'
import type { ApprovalAnswer, ApprovalRequest } from './approval-request.ts'
import type { Isolation } from './sandbox/isolation.ts'
import type { Priority } from './sandbox/scheduler.ts'
import type { Tool } from './tool.ts'

export type { ApprovalAnswer, ApprovalRequest, GrantInput, Isolation, MountSource, NetworkOptions, Priority, Secret }

/** Languages that have an engine today; `wasm` is a module of the user's. */
export type Language = 'javascript' | 'typescript' | 'python' | 'wasm'

/** A directory that exists at a guest path. It still needs an `fs` grant to be read or written. */
export type MountOptions = {
  /** Absolute guest path, such as `/data`. */
  at: string
  /** A host directory (Node), a directory handle (browsers), or files in memory. */
  from: MountSource
  mode: 'ro' | 'rw'
}

/** What a sandbox is made of: fixed for its life. */
export type SandboxOptions = {
  language: Language
  /**
   * The program of `language: 'wasm'`: a WASI preview 1 command or reactor, or a component of WASI 0.2, as bytes: which, is
   * read from them. A compiled `WebAssembly.Module` is
   * refused: its bytes cannot be had, so nothing could be put into it that stops it.
   */
  module?: Uint8Array
  /**
   * How the fuel of a module is measured. `fast` (the default) is a safety stop; under `exact` the same module, input and
   * grants burn the same fuel on every machine, for a third more time.
   */
  metering?: Metering
  /** Packages of Python that it finds (`humanize`, `humanize==4.9.0`): the image of `createToka`'s that has them all is chosen. */
  packages?: string[]
  /** Files of the sandbox's private tree, by absolute guest path. Giving them is granting them. */
  files?: Record<string, string | Uint8Array>
  mounts?: MountOptions[]
  tools?: Tool[]
  grants?: GrantInput[]
  /**
   * A token of the `security` that the Toka was made with. What every link of it allows is granted, and nothing else;
   * `grants` given beside it narrow it further. A token that is revoked ends the run that uses it.
   */
  token?: string
  /**
   * Asked before a call that a grant wants approved (`approval: 'required'`). It answers yes, no, or grants that narrow the
   * yes and hold for later calls too; what it throws is a no.
   */
  onApproval?: (request: ApprovalRequest, signal: AbortSignal) => ApprovalAnswer | Promise<ApprovalAnswer>
  /** How requests of guests are made: `net` grants say which. */
  network?: NetworkOptions
  /** Headers of requests to an origin, and arguments of tools, that the guest neither sets nor sees. */
  secrets?: Secret[]
  /** Milliseconds after which no answer of `onApproval` is a no; default 60,000. The run's own deadline goes on meanwhile. */
  approvalTimeoutMs?: number
  /** Environment variables: given is granted. */
  env?: Record<string, string>
  limits?: Partial<Limits>
  /** Clock and randomness from a seed: same request, same bytes; sleeps jump. `start` is an ISO time. */
  deterministic?: { seed: string; start: string }
  /**
   * The thread that the sandbox lives on: the caller's (`inline`), or one of a pool (`worker`). The results are the
   * same. Default: that of `createToka`.
   */
  isolation?: Isolation
  /**
   * How much of its thread the sandbox gets while others want it too: `high` four times as much as `normal`, `low` a
   * quarter. Default: `normal`.
   */
  priority?: Priority
  /**
   * Sees every gated call with its verdict and time. What it throws ends the run, which rejects with it. What it returns
   * is not waited for.
   */
  onTrace?: (event: TraceEvent) => void
  /** Aborts the opening of the sandbox, with TOKA_CANCELLED; of a request to `toka.run` it cancels the run. */
  signal?: AbortSignal
}

/** One gated call, for `--trace` and the like. */
export type TraceEvent = {
  operation: string
  resource: string
  verdict: 'allowed' | 'denied'
  reason?: string
  /** Time of the decision, in microseconds. */
  microseconds: number
}

/** What to run in a sandbox. */
export type RunOptions<T = unknown> = {
  /** Source text; or `file`. A module needs neither. */
  source?: string
  /**
   * An absolute guest path of a file in the sandbox; with `source`, the name it goes by. One that is not there, or that
   * no grant lets the run read, is a failure of the run (TOKA_GUEST_ERROR): runs before it may have made or removed it.
   */
  file?: string
  /**
   * The export of a module to call, with the arguments in `input` (a list). Without it a command's `_start` runs.
   */
  call?: string
  /** The argument of a module's default-exported function; a script's global `input`; the arguments of `call`. */
  input?: unknown
  args?: string[]
  stdin?: string | Uint8Array | ReadableStream<Uint8Array>
  /** Validates and types `value`. */
  output?: z.ZodType<T>
  /** Globs of files to hand back, over what the run created or changed. The directories they name exist: `/out` for `/out/**`. */
  collect?: string[]
  /** Narrower limits for this run: one that is wider than the sandbox's is refused. */
  limits?: Partial<Pick<Limits, 'timeoutMs' | 'fuel' | 'outputBytes'>>
  /**
   * Gets each piece of output as it comes. What it throws ends the run, which rejects with it. What it returns is not
   * waited for.
   */
  onOutput?: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => void
  signal?: AbortSignal
}

/** A sandbox for one run. */
export type RunRequest<T = unknown> = Omit<SandboxOptions, 'limits'> &
  Omit<RunOptions<T>, 'limits'> & { limits?: Partial<Limits> }

const guestPath = once(() =>
  z
    .string()
    .startsWith('/', 'must be an absolute guest path')
    .refine((path) => path.isWellFormed(), 'must be well-formed Unicode')
    .refine((path) => path.length <= BORDER.pathBytes, `must be a path of at most ${BORDER.pathBytes} bytes`),
)
const content = once(() => z.union([z.string(), z.instanceof(Uint8Array)], 'must be a string or a Uint8Array'))
const amount = once(() => z.number().positive())

/** Strings of all arguments, or of the environment, in bytes with what holds them; and how many there may be. */
const STRING_BYTES = 2 ** 20
const STRINGS = 16_384
const STRING_OVERHEAD = 8
const utf8 = new TextEncoder()

function fitsGuest(strings: readonly string[]): boolean {
  const bytes = (sum: number, text: string): number => sum + STRING_OVERHEAD + utf8.encode(text).length
  return (
    strings.length <= STRINGS &&
    strings.every((text) => text.isWellFormed()) &&
    strings.reduce(bytes, 0) <= STRING_BYTES
  )
}

/** A source's size, without encoding the ones that are surely small. */
function checkSize(source: string, context: z.RefinementCtx): void {
  if (source.length * 3 <= BORDER.sourceBytes) return
  const bytes = utf8.encode(source).length
  if (bytes <= BORDER.sourceBytes) return
  const most = BORDER.sourceBytes.toLocaleString('en')
  context.addIssue({ code: 'custom', message: `is ${bytes.toLocaleString('en')} bytes; the most is ${most} bytes` })
}

const PACKAGE_NAME = 'must be the name of a package, such as humanize or humanize==4.9.0'
const FITS = `must be well-formed Unicode, at most ${STRINGS} strings and ${STRING_BYTES} bytes in all`

/** What 64 bits of nanoseconds hold: a guest's clock ends there. */
const isClockTime = (date: string): boolean => Date.parse(date) >= 0 && Date.parse(date) < 2 ** 63 / 1e6

const limits = once(() =>
  z
    .strictObject(
      Object.fromEntries(
        Object.keys(DEFAULT_LIMITS).map((key) => [
          key,
          key === 'fuel' ? amount().or(z.literal(Infinity)) : amount().int(),
        ]),
      ),
    )
    .partial(),
)

/** What a run may narrow. */
const runLimits = once(() => limits().pick({ timeoutMs: true, fuel: true, outputBytes: true }))

const networkSchema = once(() =>
  z.strictObject({
    lookup: z.function().optional(),
    timeoutMs: amount().optional(),
    idleTimeoutMs: amount().optional(),
    responseBytes: amount().int().optional(),
    requestBytes: amount().int().optional(),
    concurrent: amount().int().optional(),
    ca: z.string().optional(),
  }),
)

const isOrigin = (text: string): boolean => /^https?:/.test(text) && URL.parse(text)?.origin === text
const secretSchema = once(() =>
  z.union(
    [
      z.strictObject({
        origin: z.string().refine(isOrigin, 'must be an origin such as "https://api.example.com"'),
        header: z
          .string()
          .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'must be the name of a header, such as "authorization"'),
        // The value itself is in no message.
        value: z
          .string()
          .regex(/^[\t\u0020-\u007e\u0080-\u00ff]+$/, 'must be text of Latin-1 without line ends and other controls'),
      }),
      z.strictObject({ tool: z.string(), argument: z.string(), value: z.unknown() }),
    ],
    'must be { origin, header, value } or { tool, argument, value }',
  ),
)

const sandboxShape = {
  language: once(() => z.string()),
  module: once(() =>
    z.union([z.instanceof(Uint8Array), z.instanceof(WebAssembly.Module)], 'must be the bytes of a module').optional(),
  ),
  metering: once(() => z.enum(['fast', 'exact']).optional()),
  packages: once(() => z.array(z.string().refine(isPackageName, PACKAGE_NAME)).optional()),
  files: once(() => z.record(guestPath(), content()).optional()),
  mounts: once(() =>
    z
      .array(
        z.strictObject({ at: guestPath(), from: z.custom((from) => from !== undefined), mode: z.enum(['ro', 'rw']) }),
      )
      .optional(),
  ),
  tools: once(() =>
    z
      .array(z.custom<Tool>((tool) => typeof tool === 'object' && tool !== null, 'must be a tool made with defineTool'))
      .optional(),
  ),
  grants: once(() => z.array(z.unknown()).optional()),
  env: once(() =>
    z
      .record(z.string().regex(/^[^=\0]+$/, 'must be a name without "="'), z.string())
      .refine((env) => fitsGuest(Object.entries(env).flat()), FITS)
      .optional(),
  ),
  limits: once(() => limits().optional()),
  deterministic: once(() =>
    z
      .strictObject({
        seed: z.string(),
        start: z.iso.datetime({ offset: true }).refine(isClockTime, 'must be a date from 1970 to 2262'),
      })
      .optional(),
  ),
  isolation: once(() => z.enum(['inline', 'worker']).optional()),
  priority: once(() => z.enum(['low', 'normal', 'high']).optional()),
  token: once(() => z.string().optional()),
  onApproval: once(() => z.function().optional()),
  approvalTimeoutMs: once(() => amount().optional()),
  network: once(() => networkSchema().optional()),
  secrets: once(() => z.array(secretSchema()).optional()),
  onTrace: once(() => z.function().optional()),
  signal: once(() => z.instanceof(AbortSignal).optional()),
}

const runShape = {
  source: once(() =>
    z
      .string()
      .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')
      .superRefine(checkSize)
      .optional(),
  ),
  file: once(() => guestPath().optional()),
  call: once(() => z.string().optional()),
  input: once(() => z.unknown().optional()),
  args: once(() => z.array(z.string()).refine(fitsGuest, FITS).optional()),
  stdin: once(() =>
    z
      .union([z.string(), z.instanceof(Uint8Array), z.instanceof(ReadableStream).refine((stream) => !stream.locked)], {
        message: 'must be a string, a Uint8Array or a ReadableStream that nobody else reads',
      })
      .optional(),
  ),
  output: once(() => z.instanceof(z.ZodType, { message: 'must be a zod schema' }).optional()),
  collect: once(() => z.array(z.string()).optional()),
  limits: once(() => runLimits().optional()),
  onOutput: once(() => z.function().optional()),
  signal: once(() => z.instanceof(AbortSignal).optional()),
}

type Shape = Readonly<Record<string, () => z.ZodType>>

const requestShape: Shape = { ...runShape, ...sandboxShape }

/** Schemas by the fields that they have: programs make few kinds of requests. */
const made = new Map<string, z.ZodType>()
const MOST_MADE = 64

/** A schema with the fields of a shape that the value has, and those it must have: the others' schemas need not be made. */
function schemaFor(shape: Shape, value: unknown): z.ZodType {
  const given = (key: string): boolean => typeof value === 'object' && value !== null && key in value
  const keys = Object.keys(shape).filter((key) => key === 'language' || given(key))
  const name = `${shape === runShape ? 'run ' : ''}${keys.join()}`
  let schema = made.get(name)
  if (!schema) {
    schema = z.strictObject(Object.fromEntries(keys.map((key) => [key, shape[key]!()])))
    if (made.size >= MOST_MADE) made.clear()
    made.set(name, schema)
  }
  return schema
}

const LANGUAGES: ReadonlySet<string> = new Set<Language>(['javascript', 'typescript', 'python', 'wasm'])

/** As one would write it: `mounts[0].mode`. */
function fieldOf(path: readonly PropertyKey[]): string {
  const write = (text: string, step: PropertyKey): string => {
    if (typeof step === 'number') return `${text}[${step}]`
    const name = String(step)
    if (!/^[A-Za-z_$][\w$]*$/.test(name)) return `${text}[${JSON.stringify(name)}]`
    return text === '' ? name : `${text}.${name}`
  }
  return path.reduce(write, '')
}

function check(shape: Shape, value: unknown, what: string): void {
  const parsed = schemaFor(shape, value).safeParse(value, { error: explain })
  if (parsed.success) return
  const text = parsed.error.issues
    .slice(0, 3)
    .map((issue) => `${issue.path.length > 0 ? `${fieldOf(issue.path)}: ` : ''}${issue.message}`)
    .join('; ')
  throw new TokaError('TOKA_REQUEST_INVALID', `${what}: ${text}`)
}

function checkLanguage(language: string): void {
  if (LANGUAGES.has(language)) return
  throw new TokaError(
    'TOKA_REQUEST_LANGUAGE',
    `there is no engine for language ${JSON.stringify(language)}; there are: ${[...LANGUAGES].join(', ')}`,
  )
}

function checkSource(options: RunOptions, language: Language): void {
  if (language === 'wasm') return
  if (options.call !== undefined)
    throw new TokaError('TOKA_REQUEST_INVALID', `call: only exports of modules (language 'wasm') are called by name`)
  if (options.source !== undefined || options.file !== undefined) return
  throw new TokaError('TOKA_REQUEST_INVALID', 'run request: source (text) or file (a guest path) must be given')
}

/** What belongs to modules is there for them, and for nothing else. */
function checkModule({ language, module, metering, packages }: SandboxOptions): void {
  const invalid = (message: string) => new TokaError('TOKA_REQUEST_INVALID', message)
  if (packages !== undefined && language !== 'python') throw invalid(`packages: only language 'python' has packages`)
  if (language !== 'wasm') {
    if (module !== undefined) throw invalid(`module: only language 'wasm' runs one`)
    if (metering === 'exact') throw invalid(`metering: 'exact' is for modules (language 'wasm') only`)
  } else if (module === undefined) throw invalid(`module: language 'wasm' needs the bytes of a module`)
  else if (!(module instanceof Uint8Array))
    throw invalid(
      'module: a compiled WebAssembly.Module cannot be rewritten, because its bytes cannot be had: give them as a Uint8Array',
    )
}

/** @throws TokaError TOKA_REQUEST_INVALID naming the field, or TOKA_REQUEST_LANGUAGE */
export function checkSandboxOptions(options: SandboxOptions): void {
  check(sandboxShape, options, 'sandbox options')
  checkLanguage(options.language)
  checkModule(options)
}

/** @throws TokaError TOKA_REQUEST_INVALID naming the field */
export function checkRunOptions(options: RunOptions, language: Language): void {
  check(runShape, options, 'run request')
  checkSource(options, language)
}

/** Checks a one-shot request and splits it into the sandbox and the run. */
export function splitRequest<T>(request: RunRequest<T>): { sandbox: SandboxOptions; run: RunOptions<T> } {
  check(requestShape, request, 'run request')
  checkLanguage(request.language)
  checkModule(request)
  checkSource(request, request.language)
  const sandbox: Record<string, unknown> = {}
  const run: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(request)) {
    if (value === undefined && key !== 'input') continue
    if (key in sandboxShape) sandbox[key] = value
    else run[key] = value
  }
  if (request.signal) run['signal'] = request.signal
  return { sandbox: sandbox as SandboxOptions, run: run as RunOptions<T> }
}
