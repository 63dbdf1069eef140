/** Test vectors of other projects, where the machine has them: `TOKA_VECTORS` names their directory, else they are looked for beside the repository. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './module-graph.ts'

/** @returns undefined where they are absent: the test skips */
export function readVectors(name: string): unknown {
  const path = join(process.env['TOKA_VECTORS'] ?? join(root, '../shared/vectors'), name)
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as unknown) : undefined
}
