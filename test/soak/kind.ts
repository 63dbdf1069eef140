/** What a kind of run is: a name, how often it comes, and how it is run and checked. */
import type { GrantInput, Toka } from '../../src/index.ts'
import { encodeValue } from '../../src/kernel/values.ts'
import type { Next } from '../fuzz/numbers.ts'

export type World = {
  readonly toka: Toka
  /** Whether a guest that loops can be cancelled: its thread is not the caller's, or it can be suspended. */
  readonly cancelsLoops: boolean
}

/** `run` throws when a result is another than expected. */
export type Kind = { readonly name: string; readonly weight: number; run(world: World, next: Next): Promise<void> }

/** Time limit of guests that would never end, in milliseconds: no run may come near it that does end. */
export const LOOP_MS = 12

export const callOf = (...names: string[]): GrantInput => ({ resource: 'tool', actions: ['call'], names })

const shown = (value: unknown): string =>
  JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? `${member}n` : member))?.slice(
    0,
    600,
  ) ?? 'undefined'

/** Compares values as they cross borders. */
export function expectSame(found: unknown, expected: unknown): void {
  const [one, other] = [encodeValue(found), encodeValue(expected)]
  if (one.length !== other.length || one.some((byte, at) => byte !== other[at]))
    throw new Error(`expected ${shown(expected)}, found ${shown(found)}`)
}
