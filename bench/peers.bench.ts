/** The rows of Toka beside other sandboxes, in the same run: each in a process of its own, one after the other, in three rounds. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { PEERS, type PeerEntry } from './limits/peers.ts'
import { type Measure, summary } from './measure.ts'
import { installPeers } from './peers/install.ts'

const ROUNDS = 3
/** node:vm and vm2 share the host's heap with their guests: they are no sandboxes of this kind. */
const SANDBOXES = PEERS.filter(
  ({ name, language }) => language === 'javascript' && name !== 'node:vm' && name !== 'vm2',
)

type Figures = { runs: number[]; calls?: number[] }

/** Of each sandbox under load, with the unit and what is measured. */
const LOADS = {
  lag: ['ms', 'worst lag of the host, 20 guests that loop'],
  alive: ['KiB', 'memory of a live guest that waits, each of 50'],
  bomb: ['x', 'memory that a bomb takes at most, of its limit'],
} as const

/** What a program of a sandbox printed. It is ended from outside after a minute. */
function figuresOf<T>({ name, nodeFlags = [] }: PeerEntry, file: string, ...args: string[]): T {
  const program = fileURLToPath(new URL(file, import.meta.url))
  const flags = ['--conditions=toka-source', '--disable-warning=ExperimentalWarning', '--expose-gc', ...nodeFlags]
  const options = { encoding: 'utf8', timeout: 60_000 } as const
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, program, name, ...args], options)
  if (status !== 0) throw new Error(stderr || 'it did not end within a minute')
  return JSON.parse(stdout) as T
}

/** Rounds of one program, all sandboxes in each round. */
function inRounds<T>(file: string, ...args: string[]): Map<string, T[]> {
  const figures = new Map<string, T[]>(SANDBOXES.map(({ name }) => [name, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const entry of SANDBOXES) {
      try {
        figures.get(entry.name)?.push(figuresOf<T>(entry, file, ...args))
      } catch (error) {
        process.stderr.write(`${entry.name} does not run here: ${String((error as Error).message).slice(0, 300)}\n`)
      }
    }
  }
  return figures
}

/** @throws Error when a package of the peers cannot be installed */
export async function* measures(): AsyncGenerator<Measure> {
  const failed = installPeers()
  if (failed) throw new Error(`the peers cannot be installed: ${failed}`)
  const figures = inRounds<Figures>('peer-runs.ts')
  for (const [name, rounds] of figures) {
    if (rounds.length > 0)
      yield summary(
        `1+1 in a sandbox of its own: ${name}`,
        'us',
        rounds.flatMap(({ runs }) => runs),
      )
  }
  for (const [name, rounds] of figures) {
    const calls = rounds.flatMap((round) => round.calls ?? [])
    if (calls.length > 0) yield summary(`awaited call of the host: ${name}`, 'us', calls)
  }
  for (const [load, [unit, what]] of Object.entries(LOADS)) {
    for (const [name, seen] of inRounds<number>('peer-load.ts', load)) {
      if (seen.length > 0) yield summary(`${what}: ${name}`, unit, seen)
    }
  }
}
