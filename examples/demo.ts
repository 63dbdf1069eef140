/** `npm start`: an untrusted tool analyses real data under a few grants, then three tools try what they were not granted. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { createToka, defineTool, type GrantInput, type RunResult, type Toka } from 'toka'
import { z } from 'zod'
import { countryTool } from './country.ts'
import { formatBytes, formatMs, type Paint, paintFor, plain } from './style.ts'

/** The tools of the demo; each runs in a sandbox of its own. */
export type DemoTool = 'airports' | 'nosy' | 'thief' | 'vandal' | 'python'

export type DemoOptions = {
  /** A host directory with `airports.csv` and `countries.json`, mounted read-only at /data. */
  dataDir: string
  /** Where the report is saved. */
  outDir: string
  /** Other grants for a tool than the demo's own. */
  grants?: Partial<Record<DemoTool, GrantInput[]>>
  /** The mount's mode for the vandal. */
  mode?: 'ro' | 'rw'
  /** Takes a line of output. */
  print: (line: string) => void
  paint?: Paint
}

export type DemoOutcome = {
  results: Record<DemoTool, RunResult>
  /** What the thief's messages brought out: empty unless it was granted `send`. */
  outbox: { to: string; text: string }[]
  /** Host paths of the files that the analysis handed back. */
  saved: string[]
}

/** A variable of the host's environment that a guest must not see. */
const SECRET = 'TOKA_DEMO_SECRET'
const LIMITS = { timeoutMs: 20_000, memoryBytes: 128 * 2 ** 20 }

const readTable: GrantInput = { resource: 'fs', actions: ['read'], paths: ['/data/airports.csv'] }
const GRANTS: Record<DemoTool, GrantInput[]> = {
  airports: [readTable, { resource: 'tool', actions: ['call'], names: ['country'] }],
  nosy: [readTable],
  thief: [readTable],
  vandal: [readTable],
  python: [{ resource: 'fs', actions: ['read'], paths: ['/data/**'] }],
}

/** The tools' files. */
const FILES: Record<DemoTool, string> = {
  airports: 'airports.js',
  nosy: 'nosy.js',
  thief: 'thief.js',
  vandal: 'vandal.js',
  python: 'airports.py',
}

/** Runs the demo. Everything printed comes from the results of the runs. */
export async function runDemo(options: DemoOptions): Promise<DemoOutcome> {
  const { print, paint = plain } = options
  const onProgress = (done: number, total: number, what: string): void => {
    if (what.includes('Python')) print(paint('dim', `  once, kept for later: ${what} (${done} of ${total})`))
  }
  const stage = new Stage(options, await createToka({ onProgress }))
  try {
    print(paint('bold', 'Toka: an untrusted tool, real data, and what it may not do'))
    const airports = await stage.run('airports', 'analyses', { file: '/data/airports.csv' })
    const saved = await showReport(airports, options)
    showUsage(airports, print, paint)
    print('')
    print(paint('bold', 'Three tools that try what they were not granted'))
    const nosy = await stage.run('nosy', 'reads what lies beside its data', {
      paths: ['/data/airports.csv', '/data/countries.json', '/data/../../../etc/passwd'],
    })
    showAttempt(nosy, print, paint)
    const thief = await stage.run('thief', 'sends the data away', {
      file: '/data/airports.csv',
      to: 'mallory@example.com',
    })
    showAttempt(thief, print, paint)
    const vandal = await stage.run('vandal', 'looks for a secret and overwrites the data', {
      secret: SECRET,
      file: '/data/airports.csv',
    })
    showAttempt(vandal, print, paint)
    print('')
    print(paint('bold', 'The same table in Python, in a sandbox of the same kind'))
    const python = await stage.run('python', 'counts high airports by country, with csv and sqlite3', undefined)
    for (const line of python.stdout.trimEnd().split('\n')) print(`  ${line}`)
    showAttempt(python, print, paint)
    showUsage(python, print, paint)
    return { results: { airports, nosy, thief, vandal, python }, outbox: stage.outbox, saved }
  } finally {
    await stage.toka.dispose()
  }
}

/** The host's side: the mount, the two host tools, and one sandbox a tool. */
class Stage {
  readonly toka: Toka
  readonly outbox: DemoOutcome['outbox'] = []
  readonly #options: DemoOptions

  constructor(options: DemoOptions, toka: Toka) {
    this.#options = options
    this.toka = toka
  }

  async run(tool: DemoTool, purpose: string, input: unknown): Promise<RunResult> {
    const { dataDir, grants, mode = 'ro', print, paint = plain } = this.#options
    const file = fileURLToPath(new URL(`tools/${FILES[tool]}`, import.meta.url))
    const granted = grants?.[tool] ?? GRANTS[tool]
    print('')
    print(`${paint('cyan', FILES[tool])} ${purpose}`)
    print(paint('dim', `  granted: ${granted.map(describeGrant).join('  ') || 'nothing'}`))
    return this.toka.run({
      language: file.endsWith('.py') ? 'python' : 'javascript',
      source: await readFile(file, 'utf8'),
      file: `/tool/${basename(file)}`,
      input,
      mounts: [{ at: '/data', from: dataDir, mode: tool === 'vandal' ? mode : 'ro' }],
      tools: [countryTool(join(dataDir, 'countries.json')), this.#send()],
      grants: granted,
      limits: LIMITS,
      collect: ['/out/**'],
    })
  }

  #send() {
    return defineTool({
      name: 'send',
      description: 'Sends a message',
      input: z.object({ to: z.string(), text: z.string() }),
      run: (message) => {
        this.outbox.push(message)
      },
    })
  }
}

/** `fs.read=/data/airports.csv`, as the command line has it. */
function describeGrant(grant: GrantInput): string {
  if (grant.resource === 'clock') return 'clock'
  const what = grant.resource === 'fs' ? grant.paths : grant.resource === 'net' ? grant.hosts : grant.names
  return grant.actions.map((action) => `${grant.resource}.${action}=${what.join(',')}`).join('  ')
}

async function showReport(result: RunResult, { outDir, print, paint = plain }: DemoOptions): Promise<string[]> {
  const report = result.files['/out/report.md']
  if (!report) {
    showAttempt(result, print, paint)
    return []
  }
  print('')
  for (const line of new TextDecoder().decode(report).trimEnd().split('\n')) {
    if (!line.startsWith('```')) print(line === '' ? '' : `  ${line.startsWith('#') ? paint('bold', line) : line}`)
  }
  await mkdir(outDir, { recursive: true })
  const saved: string[] = []
  for (const [path, bytes] of Object.entries(result.files)) {
    const target = join(outDir, basename(path))
    await writeFile(target, bytes)
    saved.push(target)
  }
  print('')
  print(`  ${paint('green', 'saved')} ${saved.map((path) => relative(process.cwd(), path)).join(', ')}`)
  return saved
}

function showUsage({ status, usage }: RunResult, print: (line: string) => void, paint: Paint): void {
  const calls = `${usage.hostCalls} host calls, ${formatBytes(usage.bytesRead)} read`
  print(`  ${paint(status === 'completed' ? 'green' : 'red', status)} in ${formatMs(usage.wallMs)}, ${calls}`)
  print(`  used ${usage.fuel.toLocaleString('en')} units of fuel, ${formatBytes(usage.memoryBytes)} of memory`)
}

/** What a tool says that it got, and what the host knows of its attempts. */
function showAttempt({ status, value, error, denials }: RunResult, print: (line: string) => void, paint: Paint): void {
  for (const line of Array.isArray(value) ? value : []) print(`  it says  ${String(line)}`)
  if (error) print(`  ${paint('red', status)}   ${error.message}`)
  for (const { operation, resource, allow } of denials) {
    print(`  ${paint('yellow', 'denied')}   ${operation} ${resource}`)
    print(
      `           ${paint('dim', allow.startsWith('--') ? 'to allow it, add' : 'it needs')} ${paint('cyan', allow)}`,
    )
  }
}

const NEXT = `What to try next

  # denied: the message says how to allow it
  npm run -s toka -- run examples/tools/nosy.js --mount examples/data:/data \\
    --input '{"paths": ["/data/countries.json"]}'

  npm run -s toka -- run --help
  README.md, and the tools themselves in examples/tools`

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const root = fileURLToPath(new URL('..', import.meta.url))
  process.env[SECRET] = 'correct horse battery staple'
  await runDemo({
    dataDir: join(root, 'examples/data'),
    outDir: join(root, '.toka/demo'),
    print: (line) => console.log(line),
    paint: paintFor(process.stdout, process.env),
  })
  console.log(`\n${NEXT}`)
}
