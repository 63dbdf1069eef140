/** The rows of Toka beside other sandboxes, in the same run: each in a process of its own, one after the other, in three rounds. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { PEERS, type PeerEntry } from './limits/peers.ts'
import { type Measure, summary } from './measure.ts'
import { installPeers } from './peers/install.ts'

const ROUNDS = 3
/** node:vm and vm2 share the host's heap with their guests: they are no sandboxes of this kind. */
const SANDBOXES = PEERS.filter(({ name }) => name !== 'node:vm' && name !== 'vm2')

type Figures = { runs: number[]; calls?: number[] }

function figuresOf({ name, nodeFlags = [] }: PeerEntry): Figures {
  const program = fileURLToPath(new URL('peer-runs.ts', import.meta.url))
  const flags = ['--conditions=toka-source', '--disable-warning=ExperimentalWarning', ...nodeFlags]
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, program, name], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Figures
}

/** @throws Error when a package of the peers cannot be installed */
export async function* measures(): AsyncGenerator<Measure> {
  const failed = installPeers()
  if (failed) throw new Error(`the peers cannot be installed: ${failed}`)
  const figures = new Map<string, Figures[]>(SANDBOXES.map(({ name }) => [name, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const entry of SANDBOXES) {
      try {
        figures.get(entry.name)?.push(figuresOf(entry))
      } catch (error) {
        process.stderr.write(`${entry.name} does not run here: ${String((error as Error).message).slice(0, 300)}\n`)
      }
    }
  }
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
}
