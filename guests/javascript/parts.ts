/** Parts of the prelude that many programs never use: their code comes from the host when it is first asked for, so that forks need not copy it. */
import { loadPart } from './natives.ts'
import { PART_NAMES, type PartName } from './part-names.ts'
import { create } from './primordials.ts'

const numbers: Record<string, number> = create(null)
PART_NAMES.forEach((name, index) => {
  numbers[name] = index
})

const loaded: Partial<Record<PartName, unknown>> = create(null)
let shared: readonly unknown[] = []

/** At boot: what the parts import of the prelude's other modules, see build.ts. */
export function share(values: readonly unknown[]): void {
  shared = values
}

/** A part's exports, of type T; loads it at the first time. */
export function part<T = Record<string, unknown>>(name: PartName): T {
  loaded[name] ??= loadPart(numbers[name] as number, shared)
  return loaded[name] as T
}

/** Whether anything of a part can be in the program's hands. */
export function isLoaded(name: PartName): boolean {
  return loaded[name] !== undefined
}
