/** The arguments of `toka run` in, one checked plan out: nothing is read or run yet. */
import { type GrantInput, type Isolation, type Language, type Limits, parseRule } from '../index.ts'
import { type FlagKind, type Flags, parseFlags } from './flags.ts'
import { parseCount, parseDuration, parseSize } from './quantities.ts'
import { closest, UsageError } from './usage-error.ts'

/** What `toka run` was asked to do. Host paths are as typed. */
export type RunPlan = {
  /** A host path, or `-` for stdin. */
  file: string
  language: Language
  input?: unknown
  hasInput: boolean
  /** Grants of `--allow` and of the mounts' `:ro` and `:rw`. */
  grants: GrantInput[]
  grantFiles: string[]
  /** A token, or a file's name. */
  token?: string
  /** Where its keys are, and a log to append to. */
  keys?: string
  audit?: string
  mounts: { at: string; from: string; mode: 'ro' | 'rw' }[]
  toolFiles: string[]
  env: Record<string, string>
  out?: string
  limits: Partial<Limits>
  seed?: string
  isolation?: Isolation
  /** The export of a module to call, with `args` as its arguments. */
  call?: string
  metering?: 'exact'
  /** Packages of Python, and the directory of the images that have them. */
  packages: string[]
  images?: string
  trace: boolean
  json: boolean
  args: string[]
}

const KINDS: Readonly<Record<string, FlagKind>> = {
  language: 'text',
  input: 'text',
  allow: 'list',
  grants: 'list',
  token: 'text',
  keys: 'text',
  audit: 'text',
  packages: 'text',
  images: 'text',
  mount: 'list',
  tool: 'list',
  env: 'list',
  out: 'text',
  timeout: 'text',
  memory: 'text',
  fuel: 'text',
  output: 'text',
  deterministic: 'text',
  isolation: 'text',
  call: 'text',
  exact: 'flag',
  trace: 'flag',
  json: 'flag',
}

const ENDINGS: Readonly<Record<string, Language>> = {
  '.js': 'javascript',
  '.mjs': 'javascript',
  '.ts': 'typescript',
  '.mts': 'typescript',
  '.py': 'python',
  '.wasm': 'wasm',
}
const LANGUAGES: readonly Language[] = ['javascript', 'typescript', 'python', 'wasm']
const HAVE = 'javascript (.js .mjs), typescript (.ts .mts), python (.py) and wasm (.wasm) can be run'

/**
 * @param argv what follows `toka run`
 * @returns the plan, or `'help'`
 * @throws UsageError naming the option, its value and what was expected
 */
export function parseRunOptions(argv: readonly string[]): RunPlan | 'help' {
  const flags = parseFlags('run', argv, KINDS)
  if (flags.flags.has('help')) return 'help'
  const file = onlyOperand(flags)
  const input = flags.texts.get('input')
  const out = flags.texts.get('out')
  const seed = flags.texts.get('deterministic')
  const token = flags.texts.get('token')
  for (const name of ['keys', 'audit'])
    if (token === undefined && flags.texts.has(name)) throw new UsageError(`--${name} goes with --token`)
  const mounts = (flags.lists.get('mount') ?? []).map(parseMount)
  const allowed = (flags.lists.get('allow') ?? []).map(parseAllow)
  return {
    file,
    language: languageOf(file, flags.texts.get('language')),
    ...(input === undefined ? {} : { input: parseJson('--input', input) }),
    hasInput: input !== undefined,
    // Beside a token grants narrow it: a mount's mode then only says what the mount itself refuses.
    grants: [...allowed, ...(token === undefined ? mounts.flatMap(({ grants }) => grants) : [])],
    ...Object.fromEntries(
      ['token', 'keys', 'audit'].flatMap((name) => (flags.texts.has(name) ? [[name, flags.texts.get(name)]] : [])),
    ),
    grantFiles: flags.lists.get('grants') ?? [],
    mounts: mounts.map(({ mount }) => mount),
    toolFiles: flags.lists.get('tool') ?? [],
    env: Object.fromEntries((flags.lists.get('env') ?? []).map(parseVariable)),
    ...(out === undefined ? {} : { out }),
    limits: limitsOf(flags),
    ...(seed === undefined ? {} : { seed }),
    ...isolationOf(flags.texts.get('isolation')),
    ...moduleOptions(flags, languageOf(file, flags.texts.get('language'))),
    ...packagesOf(flags),
    trace: flags.flags.has('trace'),
    json: flags.flags.has('json'),
    args: flags.rest,
  }
}

/** What only Python has: names that commas part. */
function packagesOf({ texts }: Flags): Pick<RunPlan, 'packages' | 'images'> {
  const images = texts.get('images')
  const packages = (texts.get('packages') ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (images !== undefined && packages.length === 0) throw new UsageError('--images goes with --packages')
  return { packages, ...(images === undefined ? {} : { images }) }
}

/** What only modules have. */
function moduleOptions(flags: Flags, language: Language): Pick<RunPlan, 'call' | 'metering'> {
  const call = flags.texts.get('call')
  const isExact = flags.flags.has('exact')
  if (language === 'wasm')
    return { ...(call === undefined ? {} : { call }), ...(isExact ? { metering: 'exact' as const } : {}) }
  if (call !== undefined || isExact)
    throw new UsageError(`--${call === undefined ? 'exact' : 'call'} is for .wasm modules`)
  return {}
}

function isolationOf(option: string | undefined): { isolation?: Isolation } {
  if (option === undefined) return {}
  if (option === 'inline' || option === 'worker') return { isolation: option }
  throw new UsageError(`--isolation ${JSON.stringify(option)}: expected inline or worker`)
}

function onlyOperand(flags: Flags): string {
  const [file, second] = flags.operands
  if (file === undefined)
    throw new UsageError(
      'no FILE given: toka run FILE, or toka run - --language javascript to read the source from stdin',
    )
  if (second !== undefined) {
    throw new UsageError(
      `unexpected ${JSON.stringify(second)} after ${JSON.stringify(file)}: arguments for the guest go after --`,
    )
  }
  return file
}

function languageOf(file: string, option: string | undefined): Language {
  if (option !== undefined) {
    const known = LANGUAGES.find((language) => language === option)
    if (known) return known
    const near = closest(option, LANGUAGES)
    throw new UsageError(
      `--language ${JSON.stringify(option)}: ${near ? `did you mean ${near}?` : `no engine runs it: ${HAVE}`}`,
    )
  }
  if (file === '-')
    throw new UsageError(
      `a source from stdin needs --language: ${LANGUAGES.slice(0, -1).join(', ')} or ${LANGUAGES.at(-1)}`,
    )
  const ending = /\.[^./\\]+$/.exec(file)?.[0] ?? ''
  const language = ENDINGS[ending.toLowerCase()]
  if (language) return language
  const what = ending === '' ? `${file} has no ending that names a language` : `no engine runs ${ending} files`
  throw new UsageError(`${what}: ${HAVE}; another name needs --language`)
}

function parseJson(option: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const hint = text.startsWith('@')
      ? `. For a file's content: ${option} "$(cat ${text.slice(1)})"`
      : ` (${(error as Error).message})`
    throw new UsageError(`${option}: expected JSON, got ${JSON.stringify(shortened(text))}${hint}`)
  }
}

export function parseAllow(text: string): GrantInput {
  try {
    return parseRule(text)
  } catch (error) {
    throw new UsageError(`--allow: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function parseMount(text: string): { mount: RunPlan['mounts'][number]; grants: GrantInput[] } {
  // The last `:/` divides: a host path may hold colons of its own (C:\data:/data).
  const match = /^(.+):(\/[^:]*)(?::([^:]*))?$/.exec(text)
  const [, from, at, mode] = match ?? []
  if (from === undefined || at === undefined) {
    throw new UsageError(
      `--mount ${JSON.stringify(text)}: expected HOSTDIR:/guest/path, with :ro or :rw to grant it, such as ./data:/data:ro`,
    )
  }
  if (mode !== undefined && mode !== 'ro' && mode !== 'rw') {
    throw new UsageError(`--mount ${JSON.stringify(text)}: the mode is ro or rw, got ${JSON.stringify(mode)}`)
  }
  const trimmed = at.length > 1 ? at.replace(/\/+$/, '') : at
  // Without a mode the grants alone decide, so the mount itself refuses nothing.
  const mount: RunPlan['mounts'][number] = { at: trimmed, from, mode: mode ?? 'rw' }
  // A grant's path is a pattern: what is special in it stands for itself in brackets.
  const paths = [trimmed === '/' ? '/**' : `${trimmed.replace(/[*?[{}]/g, '[$&]')}/**`]
  const actions = mode === 'rw' ? (['read', 'write'] as const) : (['read'] as const)
  return { mount, grants: mode === undefined ? [] : [{ resource: 'fs', actions: [...actions], paths }] }
}

function parseVariable(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`--env ${JSON.stringify(text)}: expected NAME=VALUE`)
  return [text.slice(0, at), text.slice(at + 1)]
}

function limitsOf(flags: Flags): Partial<Limits> {
  const limits: Partial<Limits> = {}
  const timeout = flags.texts.get('timeout')
  const memory = flags.texts.get('memory')
  const fuel = flags.texts.get('fuel')
  const output = flags.texts.get('output')
  if (timeout !== undefined) limits.timeoutMs = parseDuration('--timeout', timeout)
  if (memory !== undefined) limits.memoryBytes = parseSize('--memory', memory)
  if (fuel !== undefined) limits.fuel = parseCount('--fuel', fuel)
  if (output !== undefined) limits.outputBytes = parseSize('--output', output)
  return limits
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
