/** An argument vector in, options and operands out: unknown options get a suggestion, missing values a message. */
import { parseArgs } from 'node:util'
import { closest, UsageError } from './usage-error.ts'

/** `text` may be given once (the last one counts), `list` many times, `flag` has no value. */
export type FlagKind = 'text' | 'list' | 'flag'

export type Flags = {
  texts: Map<string, string>
  lists: Map<string, string[]>
  flags: Set<string>
  /** What is no option, before `--`. */
  operands: string[]
  /** What follows `--`. */
  rest: string[]
}

/**
 * @param kinds the command's options by name, without the dashes
 * @throws UsageError naming the option
 */
export function parseFlags(command: string, argv: readonly string[], kinds: Readonly<Record<string, FlagKind>>): Flags {
  const terminator = argv.indexOf('--')
  const before = terminator === -1 ? argv : argv.slice(0, terminator)
  const options = Object.fromEntries(
    Object.entries(kinds).map(([name, kind]) => [
      name,
      { type: kind === 'flag' ? ('boolean' as const) : ('string' as const), multiple: true },
    ]),
  )
  const { tokens } = parseArgs({
    args: [...before],
    options: { ...options, help: { type: 'boolean', short: 'h' } },
    strict: false,
    tokens: true,
  })
  const parsed: Flags = {
    texts: new Map(),
    lists: new Map(),
    flags: new Set(),
    operands: [],
    rest: terminator === -1 ? [] : argv.slice(terminator + 1),
  }
  for (const token of tokens) {
    if (token.kind === 'positional') parsed.operands.push(token.value)
    else if (token.kind === 'option') store(parsed, command, kinds, token)
  }
  return parsed
}

type OptionToken = { name: string; rawName: string; value: string | undefined; inlineValue: boolean | undefined }

function store(parsed: Flags, command: string, kinds: Readonly<Record<string, FlagKind>>, token: OptionToken): void {
  const { name, rawName, value } = token
  if (name === 'help') {
    parsed.flags.add('help')
    return
  }
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined
  if (!kind) throw new UsageError(unknownOption(command, rawName, Object.keys(kinds)))
  if (kind === 'flag') {
    if (value !== undefined) throw new UsageError(`${rawName} takes no value, got ${JSON.stringify(value)}`)
    parsed.flags.add(name)
    return
  }
  if (value === undefined) throw new UsageError(`${rawName} needs a value: see toka ${command} --help`)
  // `--input --json` is a forgotten value; `--input -1` and `--input=--x` are meant.
  if (!token.inlineValue && value.startsWith('--')) {
    throw new UsageError(
      `${rawName} needs a value, got the option ${value} (write ${rawName}=${value} if it is the value)`,
    )
  }
  if (kind === 'text') parsed.texts.set(name, value)
  else parsed.lists.set(name, [...(parsed.lists.get(name) ?? []), value])
}

function unknownOption(command: string, rawName: string, known: string[]): string {
  const near = closest(rawName.replace(/^-+/, ''), known)
  return `unknown option ${rawName}${near ? `: did you mean --${near}?` : `: see toka ${command} --help`}`
}
