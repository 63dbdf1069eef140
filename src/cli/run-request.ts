/** A plan in, a request for the library out: the source, the grant files and the tool files are read here, on the host. */
import { basename, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { existsSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import type { GrantInput, RunRequest, Tool } from '../index.ts'
import { readModule, readStream, readText, reasonOf } from './host-text.ts'
import type { RunPlan } from './run-options.ts'
import { readToken } from './security-files.ts'
import { lazyInput } from './terminal.ts'
import { UsageError } from './usage-error.ts'

/** Where a source is said to lie in the sandbox: mount a directory here and its relative imports resolve. */
const TOOL_DIRECTORY = '/tool'
/** `--deterministic` needs a start of time that is the same for every run. */
const DETERMINISTIC_START = '2026-01-01T00:00:00Z'

/**
 * @throws UsageError naming the option whose file cannot be used
 */
export async function loadRequest(plan: RunPlan, stdin: Readable): Promise<RunRequest> {
  const fromStdin = plan.file === '-'
  const program = await loadProgram(plan, stdin)
  const tools = (await Promise.all(plan.toolFiles.map(loadTools))).flat()
  const granted = (await Promise.all(plan.grantFiles.map(loadGrants))).flat()
  return {
    language: plan.language,
    ...program,
    file: `${TOOL_DIRECTORY}/${fromStdin ? 'stdin' : basename(plan.file)}`,
    ...(plan.hasInput ? { input: plan.input } : {}),
    ...callOf(plan),
    ...(plan.metering ? { metering: plan.metering } : {}),
    ...(plan.packages.length > 0 ? { packages: plan.packages } : {}),
    ...(fromStdin ? {} : { stdin: lazyInput(stdin) }),
    env: plan.env,
    mounts: plan.mounts.map((mount) => ({ ...mount, from: resolve(mount.from) })),
    tools,
    ...(plan.token === undefined ? {} : { token: await readToken(plan.token) }),
    ...(plan.token !== undefined && plan.grants.length + granted.length === 0
      ? {}
      : { grants: [...plan.grants, ...granted] }),
    limits: plan.limits,
    ...(plan.out === undefined ? {} : { collect: ['/out/**'] }),
    ...(plan.seed === undefined ? {} : { deterministic: { seed: plan.seed, start: DETERMINISTIC_START } }),
    ...(plan.isolation ? { isolation: plan.isolation } : {}),
  }
}

/** The program: a module's bytes, or a source's text. */
async function loadProgram(plan: RunPlan, stdin: Readable): Promise<Pick<RunRequest, 'source' | 'module'>> {
  if (plan.language === 'wasm') return { module: await readModule('FILE', plan.file, stdin) }
  if (plan.file === '-') return { source: await readStream('the source from stdin', stdin) }
  return { source: await readText('FILE', plan.file) }
}

/** Arguments: of the command line, or of the export that is called. A number that no double holds is one of 64 bits. */
function callOf({ call, args, hasInput, input: given }: RunPlan): Pick<RunRequest, 'call' | 'input' | 'args'> {
  if (call === undefined) return { args }
  // Functions of components take more than numbers: a list of values.
  if (hasInput) return { call, args, input: Array.isArray(given) ? given : [given] }
  const input = args.map((text) => {
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text))
      throw new UsageError(`--call: ${JSON.stringify(text)} is no number: other values go by --input, as a JSON list`)
    return /^[+-]?\d+$/.test(text) && !Number.isSafeInteger(Number(text)) ? BigInt(text) : Number(text)
  })
  return { call, input }
}

export async function loadGrants(path: string): Promise<GrantInput[]> {
  const text = await readText('--grants', path)
  if (/\.ya?ml$/i.test(path)) return (await import('../security/index.ts')).importWassettePolicy(text)
  let grants: unknown
  try {
    grants = JSON.parse(text)
  } catch (error) {
    throw new UsageError(`--grants ${JSON.stringify(path)}: expected JSON (${(error as Error).message})`)
  }
  if (!Array.isArray(grants)) {
    throw new UsageError(
      `--grants ${JSON.stringify(path)}: expected a JSON array of grants, got ${grants === null ? 'null' : typeof grants}`,
    )
  }
  return grants as GrantInput[]
}

function whyNotLoaded(error: unknown, url: URL): string {
  const { code, url: missing, stack = '' } = error as NodeJS.ErrnoException & { url?: string }
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION')
    return 'cannot be loaded: this Node cannot load TypeScript, give a .js or .mjs file'
  if (code === 'ERR_MODULE_NOT_FOUND' && (missing === url.href || !existsSync(url))) return 'no such file'
  const name = code === 'ERR_MODULE_NOT_FOUND' ? /'([^']+)' imported/.exec(reasonOf(error))?.[1] : undefined
  if (name !== undefined && !/^[./]/.test(name))
    return `it imports ${name}, which is not installed where it lies: run "npm install ${name}" there`
  // Node puts the place of a syntax error before the stack.
  const line = error instanceof SyntaxError ? /:(\d+)$/m.exec(stack.split('\n')[0] ?? '')?.[1] : undefined
  return `cannot be loaded (${reasonOf(error)}${line === undefined ? '' : `, line ${line}`})`
}

/** Imports host code: the person who names the file trusts it. */
async function loadTools(path: string): Promise<Tool[]> {
  let exported: unknown
  try {
    exported = ((await import(pathToFileURL(resolve(path)).href)) as { default?: unknown }).default
  } catch (error) {
    throw new UsageError(`--tool ${JSON.stringify(path)}: ${whyNotLoaded(error, pathToFileURL(resolve(path)))}`)
  }
  if (typeof exported !== 'object' || exported === null) {
    throw new UsageError(
      `--tool ${JSON.stringify(path)}: its default export must be a tool made with defineTool, or an array of them`,
    )
  }
  return (Array.isArray(exported) ? exported : [exported]) as Tool[]
}
