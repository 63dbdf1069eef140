/** Snapshots, loaded when the first is made or restored: most programs make none, and pages load what they import. */

type Snapshots = typeof import('./snapshot.ts')

export function loadSnapshots(): Promise<Snapshots> {
  return import('./snapshot.ts')
}
