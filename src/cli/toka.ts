#!/usr/bin/env node
/** The program `toka`: the process's own streams and signals, handed to the command line. */
import { ExitCode } from './exit-codes.ts'
import { main } from './main.ts'

const cancel = new AbortController()

/** The first Ctrl-C ends the run in good order; a second one does not wait for it. */
function interrupt(): void {
  if (cancel.signal.aborted) process.exit(ExitCode.cancelled)
  cancel.abort()
}
// Without JSPI a guest holds the thread and no handler would run before its deadline: the signal's own default, which
// ends the process at once, is the better answer there.
if ('Suspending' in WebAssembly) {
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
}

/** `toka run … | head -1`: the reader is gone, so the run is of no use. */
function onOutputError(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
  cancel.abort()
}
process.stdout.on('error', onOutputError)
process.stderr.on('error', onOutputError)

process.exitCode = await main(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: cancel.signal,
  environment: process.env,
})
process.off('SIGINT', interrupt)
process.off('SIGTERM', interrupt)
// A stdin that is still open (a terminal) must not keep the process alive.
process.stdin.destroy()
