/** Runs a command that may never end: a wall-clock limit and a silence limit, and then its whole process tree is killed. */
import { spawn } from 'node:child_process'
import { killTree } from './process-tree.ts'

export interface WatchedCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  /** Milliseconds from the start until the command is killed. */
  readonly wallMs: number
  /** Milliseconds without any output until the command is killed. */
  readonly silenceMs: number
  /** Gets the command's output, both streams in one, as it comes. */
  readonly onOutput: (chunk: Uint8Array) => void
}

export interface WatchedEnd {
  /** Which limit killed it, if one did. */
  readonly killedBy: 'wall' | 'silence' | undefined
  /** The exit code; undefined when a signal ended it. */
  readonly exitCode: number | undefined
}

// Inherited pipes can outlive the command when something it started lives on: its last output has this long to arrive.
const drainMs = 2_000

/**
 * @returns when the command has ended and its group is gone
 * @throws when the command cannot be started
 */
export function runWatched(watched: WatchedCommand): Promise<WatchedEnd> {
  const { command, args, cwd, env } = watched
  const child = spawn(command, args, {
    cwd,
    env,
    detached: process.platform !== 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let killedBy: WatchedEnd['killedBy']

  const stop = () => child.pid !== undefined && killTree(child.pid)
  const kill = (limit: 'wall' | 'silence') => {
    killedBy = limit
    stop()
  }
  const wall = setTimeout(kill, watched.wallMs, 'wall')
  const silence = setTimeout(kill, watched.silenceMs, 'silence')
  const onOutput = (chunk: Uint8Array) => {
    silence.refresh()
    watched.onOutput(chunk)
  }
  child.stdout.on('data', onOutput)
  child.stderr.on('data', onOutput)

  // A group of its own does not hear the terminal's Ctrl-C.
  const onSignal = (signal: NodeJS.Signals) => {
    stop()
    process.exit(signal === 'SIGINT' ? 130 : 143)
  }
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)

  return new Promise<WatchedEnd>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => {
      clearTimeout(wall)
      clearTimeout(silence)
      const drain = setTimeout(stop, drainMs)
      child.once('close', () => {
        clearTimeout(drain)
        resolve({ killedBy, exitCode: code ?? undefined })
      })
    })
  }).finally(() => {
    clearTimeout(wall)
    clearTimeout(silence)
    process.removeListener('SIGINT', onSignal).removeListener('SIGTERM', onSignal)
  })
}
