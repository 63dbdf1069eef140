/** A file that says that this process is at work, for as long as it is: two must not write one thing. */
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'

/** Milliseconds after which a lock without its owner's name was left by one that was killed while it took it. */
const NAMELESS_MS = 5_000

/** Whether the process that wrote a lock still runs. */
function isHeld(path: string): boolean {
  let [pid, age] = [0, 0]
  try {
    pid = Number(readFileSync(path, 'utf8'))
    age = Date.now() - statSync(path).mtimeMs
  } catch {
    return false
  }
  if (!(pid > 0)) return age < NAMELESS_MS
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it runs, and is another user's.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/**
 * Takes a lock. One that a process left when it was killed is taken over.
 * @returns what gives it back; undefined when another process has it
 */
export function takeLock(path: string): (() => void) | undefined {
  for (const last of [false, true]) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx', mode: 0o600 })
      return () => rmSync(path, { force: true })
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // On a full disk it was made and is empty.
      if (code === 'ENOSPC' || code === 'EDQUOT') rmSync(path, { force: true })
      if (code !== 'EEXIST') throw error
      if (last || isHeld(path)) return undefined
      rmSync(path, { force: true })
    }
  }
  return undefined
}
