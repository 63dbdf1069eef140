/** A security manager for tests: keys and store in memory, a clock that is set by hand. */
import { parseRule } from '../src/gate/grants.ts'
import {
  createSecurityManager,
  memoryKeys,
  memoryStore,
  type SecurityManager,
  type SecurityOptions,
} from '../src/security/index.ts'

export const START = Date.UTC(2026, 0, 1)

export type SecurityWorld = { security: SecurityManager; clock: { ms: number }; options: SecurityOptions }

/** With keys made. `pollMs` 0: every question reads the list anew. */
export async function openSecurity(options: Partial<SecurityOptions> = {}): Promise<SecurityWorld> {
  const clock = { ms: START }
  const whole: SecurityOptions = {
    keys: memoryKeys(),
    store: memoryStore(),
    clock: { now: () => clock.ms },
    pollMs: 0,
    ...options,
  }
  const security = createSecurityManager(whole)
  if ((await security.keys()).length === 0) await security.rotate()
  return { security, clock, options: whole }
}

export const rules = (...texts: string[]) => texts.map(parseRule)

/** What a refusal says; `accepted` for none. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'accepted'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
