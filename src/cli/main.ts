/** An argument vector in, an exit code out: finds the command, and turns what it throws into a message. */
import { createRequire } from 'node:module'
import { describeThrown, ExitCode } from './exit-codes.ts'
import { image } from './image-commands.ts'
import { HELP } from './help.ts'
import { keys, token, audit } from './security-commands.ts'
import { run } from './run.ts'
import { paintFor, type Terminal } from './terminal.ts'
import { visible } from './terminal-text.ts'
import { closest, UsageError } from './usage-error.ts'

const COMMANDS: Readonly<Record<string, (argv: readonly string[], terminal: Terminal) => Promise<number>>> = {
  run,
  keys,
  token,
  audit,
  image,
}

/**
 * Runs a command line.
 * @param argv without the program's own name
 * @returns the exit code; never throws
 */
export async function main(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await dispatch(argv, terminal)
  } catch (error) {
    const { exitCode, message } = describeThrown(error)
    const paint = paintFor(terminal.stderr, terminal.environment)
    terminal.stderr.write(`${paint('dim', 'toka:')} ${visible(message, true)}\n`)
    return exitCode
  }
}

async function dispatch(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [word, ...rest] = argv
  if (word === '--help' || word === '-h') {
    terminal.stdout.write(HELP)
    return ExitCode.good
  }
  if (word === '--version') {
    terminal.stdout.write(`${version()}\n`)
    return ExitCode.good
  }
  if (word === undefined) {
    terminal.stderr.write(HELP)
    return ExitCode.usage
  }
  const command = Object.hasOwn(COMMANDS, word) ? COMMANDS[word] : undefined
  if (!command) throw new UsageError(unknown(word))
  return command(rest, terminal)
}

function unknown(word: string): string {
  if (/\.(m?[jt]s|py|wasm)$/.test(word)) return `${word} is no command: did you mean toka run ${word}?`
  const near = closest(word, [...Object.keys(COMMANDS), '--help', '--version'])
  return `${word} is no command${near ? `: did you mean ${near}?` : ': see toka --help'}`
}

function version(): string {
  return (createRequire(import.meta.url)('toka/package.json') as { version: string }).version
}
