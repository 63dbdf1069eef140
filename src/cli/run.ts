/** `toka run`: a plan is loaded, run in a sandbox of its own, and its result shown. */
import { createToka, type RunRequest, type RunResult, TokaError, type TokaOptions, type TraceEvent } from '../index.ts'
import { ExitCode, exitCodeOf } from './exit-codes.ts'
import { RUN_HELP } from './help.ts'
import { IMAGES_DIRECTORY } from './image-commands.ts'
import { missingModuleHint } from './missing-module.ts'
import { canHold, writeOutFiles } from './out-files.ts'
import { resultToJson, valueToJson } from './result-json.ts'
import { parseRunOptions, type RunPlan } from './run-options.ts'
import { loadRequest } from './run-request.ts'
import { KEYS_DIRECTORY, openManager } from './security-files.ts'
import { summarise, traceLine } from './summary.ts'
import { type Paint, paintFor, type Terminal } from './terminal.ts'
import { TerminalFilter, visible } from './terminal-text.ts'
import { UsageError } from './usage-error.ts'

/**
 * @param argv what follows `toka run`
 * @returns the exit code
 * @throws UsageError, TokaError
 */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const plan = parseRunOptions(argv)
  if (plan === 'help') {
    terminal.stdout.write(RUN_HELP)
    return ExitCode.good
  }
  if (plan.out !== undefined && plan.mounts.some(({ at }) => at === '/out' || at.startsWith('/out/'))) {
    throw new UsageError("--out hands back files of the sandbox's own /out: it cannot go with a --mount there")
  }
  if (plan.out !== undefined && !(await canHold(plan.out))) {
    throw new UsageError(`--out ${JSON.stringify(plan.out)}: it is no directory, and none can be made there`)
  }
  const paint = paintFor(terminal.stderr, terminal.environment)
  const request = await loadRequest(plan, terminal.stdin)
  const screen = new Screen(terminal)
  const whole: RunRequest = {
    ...request,
    signal: terminal.signal,
    ...(plan.json ? {} : { onOutput: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => screen.write(stream, bytes) }),
    ...(plan.trace ? { onTrace: (event: TraceEvent) => terminal.stderr.write(`${traceLine(event, paint)}\n`) } : {}),
  }
  const result = await runOnce(plan, whole, terminal)
  screen.end()
  if (plan.json) terminal.stdout.write(`${resultToJson(result)}\n`)
  else await show(plan, result, terminal, paint)
  if (plan.out !== undefined && result.status === 'completed') await writeOutFiles(plan.out, result.files)
  return exitCodeOf(result, request.call !== undefined)
}

async function runOnce(plan: RunPlan, request: RunRequest, { stderr }: Terminal): Promise<RunResult> {
  const { token, keys = KEYS_DIRECTORY, audit } = plan
  const onTorn = (beside: string): void =>
    void stderr.write(`the log ended in the middle of a record: the end is in ${beside}\n`)
  const log = audit === undefined ? undefined : { path: audit, onTorn }
  const security = token === undefined ? undefined : await openManager(keys, log)
  try {
    const toka = await createToka({ ...(security ? { security } : {}), ...(await imagesOf(plan)) })
    try {
      return await toka.run(request)
    } catch (error) {
      // Whose fault it is that something does not load: a module comes from the caller, an engine from the installation.
      if (plan.language === 'wasm' && error instanceof TokaError && error.code === 'TOKA_ENGINE_LOAD')
        throw new UsageError(`FILE ${JSON.stringify(plan.file)}: ${error.message} (${error.code})`)
      throw error
    } finally {
      await toka.dispose()
    }
  } finally {
    await security?.close()
  }
}

/** The images that packages are looked for in. */
async function imagesOf({ packages, images = IMAGES_DIRECTORY }: RunPlan): Promise<Pick<TokaOptions, 'packageImages'>> {
  if (packages.length === 0) return {}
  const { packageImagesIn } = await import('../packages/index.node.ts')
  return { packageImages: await packageImagesIn(images) }
}

async function show(plan: RunPlan, result: RunResult, terminal: Terminal, paint: Paint): Promise<void> {
  if (result.value !== undefined && result.usage.outputBytes === 0)
    terminal.stdout.write(endLine(valueText(result.value, terminal)))
  for (const line of summarise(plan.file, result, paint)) terminal.stderr.write(`${line}\n`)
  const hint = plan.language === 'python' ? await missingModuleHint(result, plan.images) : undefined
  if (hint !== undefined) terminal.stderr.write(`${paint('dim', 'toka:')} ${hint}\n`)
}

/** Text that ends its last line keeps its end. */
const endLine = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`)

/** Text as it is, everything else as JSON. On a terminal a guest's text has no control of it. */
function valueText(value: unknown, terminal: Terminal): string {
  const text = typeof value === 'string' ? value : valueToJson(value)
  return terminal.stdout.isTTY ? visible(text, true) : text
}

/** What the guest prints, as it comes: unchanged into files and pipes, without terminal control on a terminal. */
class Screen {
  readonly #terminal: Terminal
  readonly #filters = { stdout: new TerminalFilter(), stderr: new TerminalFilter() }

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  write(stream: 'stdout' | 'stderr', bytes: Uint8Array): void {
    const target = this.#terminal[stream]
    // The library may use its buffer again once this call has returned.
    target.write(target.isTTY ? this.#filters[stream].push(bytes) : bytes.slice())
  }

  end(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      const rest = this.#filters[stream].end()
      if (rest.length > 0) this.#terminal[stream].write(rest)
    }
  }
}
