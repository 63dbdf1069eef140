/** Kills a process with everything that it started, also what left its process group. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/**
 * Sends SIGKILL to a process, its process group, its descendants and theirs.
 * A browser leads a group of its own, so that killing the test runner's group alone would leave it running.
 *
 * @param pid the leader of a process group (a child spawned with `detached: true`)
 */
export function killTree(pid: number): void {
  if (process.platform === 'win32') {
    spawnSync('taskkill', ['/pid', String(pid), '/T', '/F'])
    return
  }
  const family = [pid, ...descendantsOf(pid)]
  for (const member of family) {
    // A negative id names a group; it exists only where the member leads one.
    kill(-member)
    kill(member)
  }
}

/** True while a process exists and is not just waiting for its parent to collect it. */
export function isRunning(pid: number): boolean {
  return processTable().some((entry) => entry.pid === pid && !entry.zombie)
}

function descendantsOf(pid: number): number[] {
  const table = processTable()
  const found = [pid]
  for (const parent of found) {
    for (const entry of table) if (entry.parent === parent && !found.includes(entry.pid)) found.push(entry.pid)
  }
  return found.slice(1)
}

interface ProcessEntry {
  readonly pid: number
  readonly parent: number
  readonly zombie: boolean
}

/** Small containers have no `ps`, macOS has no /proc. */
function processTable(): ProcessEntry[] {
  return existsSync('/proc/self/stat') ? processTableOfLinux() : processTableOfPs()
}

function processTableOfLinux(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // `pid (command) state parent …`: the command may hold spaces and brackets (proc(5)).
        const text = readFileSync(`/proc/${name}/stat`, 'utf8')
        const [state, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ')
        return [{ pid: Number(name), parent: Number(parent), zombie: state === 'Z' }]
      } catch {
        return [] // it ended between the two reads
      }
    })
}

function processTableOfPs(): ProcessEntry[] {
  const { stdout } = spawnSync('ps', ['-Ao', 'pid=,ppid=,state='], { encoding: 'utf8' })
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .map(([pid, parent, state]) => ({
      pid: Number(pid),
      parent: Number(parent),
      zombie: state?.startsWith('Z') ?? false,
    }))
}

function kill(target: number): void {
  try {
    process.kill(target, 'SIGKILL')
  } catch {
    // Already gone, or no such group.
  }
}
