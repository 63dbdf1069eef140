/** The second word of a command in (`toka token mint`), what it names run, with its own options parsed. */
import { ExitCode } from './exit-codes.ts'
import { type FlagKind, type Flags, parseFlags } from './flags.ts'
import type { Terminal } from './terminal.ts'
import { closest, UsageError } from './usage-error.ts'

export type Command = (flags: Flags, terminal: Terminal) => Promise<number>
export type Subcommands = Readonly<Record<string, { kinds: Readonly<Record<string, FlagKind>>; run: Command }>>

/** @throws UsageError for a word that is none of the commands */
export async function dispatchSubcommand(
  name: string,
  argv: readonly string[],
  terminal: Terminal,
  help: string,
  commands: Subcommands,
): Promise<number> {
  const [word, ...rest] = argv
  if (word === undefined || word === '--help' || word === '-h') {
    terminal[word === undefined ? 'stderr' : 'stdout'].write(help)
    return word === undefined ? ExitCode.usage : ExitCode.good
  }
  const command = Object.hasOwn(commands, word) ? commands[word] : undefined
  if (!command) {
    const near = closest(word, Object.keys(commands))
    throw new UsageError(
      `toka ${name} has no ${JSON.stringify(word)}${near ? `: did you mean ${near}?` : `: see toka ${name} --help`}`,
    )
  }
  const flags = parseFlags(name, rest, command.kinds)
  if (flags.flags.has('help')) {
    terminal.stdout.write(help)
    return ExitCode.good
  }
  return command.run(flags, terminal)
}
