/** `toka keys`, `toka token` and `toka audit`: arguments in, one thing done, what it came to printed. */
import { readFileSync } from 'node:fs'
import type { AttenuateOptions, GrantInput, SecurityManager, TokenAlgorithm } from '../security/index.ts'
import { ExitCode } from './exit-codes.ts'
import type { FlagKind, Flags } from './flags.ts'
import { AUDIT_HELP, KEYS_HELP, TOKEN_HELP } from './help.ts'
import { reasonOf } from './host-text.ts'
import { parseCount, parseSize } from './quantities.ts'
import { parseAllow } from './run-options.ts'
import { loadGrants } from './run-request.ts'
import { hasKeys, KEYS_DIRECTORY, openManager, readToken } from './security-files.ts'
import { type Command, dispatchSubcommand, type Subcommands } from './subcommands.ts'
import { paintFor, type Terminal } from './terminal.ts'
import { reportLines } from './token-report.ts'
import { UsageError } from './usage-error.ts'

const ALGORITHMS: readonly TokenAlgorithm[] = ['Ed25519', 'ES256', 'HS256']

const directoryOf = (flags: Flags): string => flags.texts.get('keys') ?? KEYS_DIRECTORY

/** The one operand of a command. */
function operand({ operands }: Flags, what: string): string {
  const [first, second] = operands
  if (first === undefined) throw new UsageError(`no ${what} given`)
  if (second !== undefined) throw new UsageError(`unexpected ${JSON.stringify(second.slice(0, 60))} after ${what}`)
  return first
}

async function withManager(flags: Flags, work: (manager: SecurityManager) => Promise<number>): Promise<number> {
  const manager = await openManager(directoryOf(flags))
  try {
    return await work(manager)
  } finally {
    await manager.close()
  }
}

function algorithmOf(flags: Flags): { alg?: TokenAlgorithm } {
  const given = flags.texts.get('alg')
  if (given === undefined) return {}
  const alg = ALGORITHMS.find((known) => known === given)
  if (!alg) throw new UsageError(`--alg ${JSON.stringify(given)}: expected ${ALGORITHMS.join(', ')}`)
  return { alg }
}

const initKeys: Command = async (flags, { stderr }) => {
  const directory = directoryOf(flags)
  if (hasKeys(directory))
    throw new UsageError(`--keys ${JSON.stringify(directory)}: there are keys already: toka keys rotate changes them`)
  const { createSecurityManager, memoryStore } = await import('../security/index.ts')
  const { directoryKeys } = await import('../security/index.node.ts')
  const { kid } = await createSecurityManager({ keys: directoryKeys(directory), store: memoryStore() }).rotate(
    algorithmOf(flags),
  )
  stderr.write(`keys are in ${directory}: ${kid} signs. Keep the directory to yourself, and out of version control\n`)
  return ExitCode.good
}

const rotateKeys: Command = (flags, { stderr }) =>
  withManager(flags, async (manager) => {
    const { kid } = await manager.rotate({ ...algorithmOf(flags), compromised: flags.flags.has('compromised') })
    stderr.write(`${kid} signs from now on\n`)
    return ExitCode.good
  })

const listKeys: Command = (flags, { stdout }) =>
  withManager(flags, async (manager) => {
    const keys = await manager.keys()
    if (flags.flags.has('json')) stdout.write(`${JSON.stringify(keys)}\n`)
    for (const { kid, alg, state, madeAt, goneAt } of flags.flags.has('json') ? [] : keys) {
      const until = goneAt === undefined ? '' : `  until ${new Date(goneAt).toISOString()}`
      stdout.write(`${kid}  ${state.padEnd(8)}  ${alg}  made ${new Date(madeAt).toISOString()}${until}\n`)
    }
    return ExitCode.good
  })

async function grantsOf(flags: Flags): Promise<GrantInput[]> {
  const files = await Promise.all((flags.lists.get('grants') ?? []).map(loadGrants))
  return [...(flags.lists.get('allow') ?? []).map(parseAllow), ...files.flat()]
}

/** What mint and attenuate are told alike. */
function narrowing(flags: Flags): Omit<AttenuateOptions, 'grants'> {
  const [ttl, calls, bytes, depth] = ['ttl', 'calls', 'bytes', 'depth'].map((name) => flags.texts.get(name))
  const quota = {
    ...(calls === undefined ? {} : { calls: parseCount('--calls', calls) }),
    ...(bytes === undefined ? {} : { bytes: parseSize('--bytes', bytes) }),
  }
  const subject = flags.texts.get('subject')
  return {
    ...(ttl === undefined ? {} : { ttl }),
    ...(Object.keys(quota).length > 0 ? { quota } : {}),
    ...(depth === undefined ? {} : { maxDepth: depthOf(depth) }),
    ...(subject === undefined ? {} : { subject }),
  }
}

function depthOf(text: string): number {
  if (/^[0-7]$/.test(text)) return Number(text)
  throw new UsageError(`--depth ${JSON.stringify(text)}: expected a whole number from 0 to 7`)
}

const mint: Command = (flags, { stdout }) =>
  withManager(flags, async (manager) => {
    if (flags.operands.length > 0)
      throw new UsageError(
        `unexpected ${JSON.stringify(flags.operands[0])}: what the token allows is given with --allow and --grants`,
      )
    const grants = await grantsOf(flags)
    if (grants.length === 0) throw new UsageError('a token without --allow or --grants would allow nothing')
    stdout.write(`${(await manager.mint({ ...narrowing(flags), grants })).token}\n`)
    return ExitCode.good
  })

const attenuateToken: Command = async (flags, { stdout }) => {
  const { attenuate } = await import('../security/index.ts')
  const grants = await grantsOf(flags)
  const options = { ...narrowing(flags), ...(grants.length > 0 ? { grants } : {}), seal: flags.flags.has('seal') }
  stdout.write(`${(await attenuate(await readToken(operand(flags, 'TOKEN')), options)).token}\n`)
  return ExitCode.good
}

/** Without keys a token can be read, and not vouched for. */
async function withAnyManager(flags: Flags, work: (manager: SecurityManager) => Promise<number>): Promise<number> {
  if (flags.texts.has('keys') || hasKeys(directoryOf(flags))) return withManager(flags, work)
  const { createSecurityManager, memoryKeys, memoryStore } = await import('../security/index.ts')
  return work(createSecurityManager({ keys: memoryKeys(), store: memoryStore() }))
}

const inspect: Command = (flags, { stdout, environment }) =>
  withAnyManager(flags, async (manager) => {
    const report = await manager.inspect(await readToken(operand(flags, 'TOKEN')))
    const paint = paintFor(stdout, environment)
    const lines = flags.flags.has('json') ? [JSON.stringify(report)] : reportLines(report, Date.now(), paint)
    stdout.write(`${lines.join('\n')}\n`)
    return ExitCode.good
  })

const verify: Command = (flags, { stderr }) =>
  withManager(flags, async (manager) => {
    const { problem } = await manager.inspect(await readToken(operand(flags, 'TOKEN')))
    stderr.write(problem === undefined ? 'the token holds\n' : `${problem}\n`)
    return problem === undefined ? ExitCode.good : ExitCode.failed
  })

const revoke: Command = (flags, { stderr }) =>
  withManager(flags, async (manager) => {
    const given = operand(flags, 'JTI')
    const isId = /^[A-Za-z0-9_-]{16,64}$/.test(given)
    const jti = isId ? given : (await manager.inspect(await readToken(given))).links.at(-1)!.jti
    await manager.revoke(jti)
    stderr.write(`${jti} is revoked, and everything beneath it\n`)
    return ExitCode.good
  })

const verifyLog: Command = (flags, { stdout }) =>
  withManager(flags, async (manager) => {
    const path = operand(flags, 'LOG')
    let bytes: Uint8Array
    try {
      bytes = new Uint8Array(readFileSync(path))
    } catch (error) {
      throw new UsageError(`LOG ${JSON.stringify(path)}: ${reasonOf(error)}`)
    }
    const { events, unsigned, signatures, records, head } = await manager.verifyAudit(bytes)
    const denied = events.filter(({ outcome }) => outcome === 'denied').length
    if (flags.flags.has('json')) stdout.write(`${JSON.stringify({ records, head, unsigned, signatures, denied })}\n`)
    else
      stdout.write(
        `the log is whole: ${records} records (${denied} denied), ${signatures} signatures, ${unsigned} records behind the last; head ${head}\n`,
      )
    return ExitCode.good
  })

const making: Readonly<Record<string, FlagKind>> = {
  allow: 'list',
  grants: 'list',
  ttl: 'text',
  calls: 'text',
  bytes: 'text',
  subject: 'text',
  depth: 'text',
}

/** Every command here works with a directory of keys. */
function dispatch(name: string, argv: readonly string[], terminal: Terminal, help: string, commands: Subcommands) {
  const withKeys = Object.entries(commands).map(([word, { kinds, run }]) => [
    word,
    { kinds: { ...kinds, keys: 'text' as const }, run },
  ])
  return dispatchSubcommand(name, argv, terminal, help, Object.fromEntries(withKeys))
}

export function keys(argv: readonly string[], terminal: Terminal): Promise<number> {
  return dispatch('keys', argv, terminal, KEYS_HELP, {
    init: { kinds: { alg: 'text' }, run: initKeys },
    rotate: { kinds: { alg: 'text', compromised: 'flag' }, run: rotateKeys },
    list: { kinds: { json: 'flag' }, run: listKeys },
  })
}

export function token(argv: readonly string[], terminal: Terminal): Promise<number> {
  return dispatch('token', argv, terminal, TOKEN_HELP, {
    mint: { kinds: making, run: mint },
    attenuate: { kinds: { ...making, seal: 'flag' }, run: attenuateToken },
    inspect: { kinds: { json: 'flag' }, run: inspect },
    verify: { kinds: {}, run: verify },
    revoke: { kinds: {}, run: revoke },
  })
}

export function audit(argv: readonly string[], terminal: Terminal): Promise<number> {
  return dispatch('audit', argv, terminal, AUDIT_HELP, { verify: { kinds: { json: 'flag' }, run: verifyLog } })
}
