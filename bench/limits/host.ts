/** The host of a cell: the function that it gives to guests, the secret that they must not find, and its own state. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Request } from './peer.ts'

const MiB = 2 ** 20

/** The host's function. It trusts its argument no further than any tool should. */
export function hostFunction(request: Request | undefined): unknown {
  const { want, data } = request ?? {}
  if (want === 'echo') return typeof data === 'string' ? data.length : 0
  if (want === 'huge') return 'x'.repeat(64 * MiB)
  if (want === 'object') return { list: [1, 2, 3], name: 'host' }
  if (want === 'later') return new Promise((resolve) => setTimeout(resolve, 10, 1))
  if (want === 'never') return new Promise(() => {})
  throw new Error('the host refuses', { cause: new RangeError('for a reason') })
}

/** Puts a secret where only code of the host's realm can see it. */
export function plantSecret(): string {
  const secret = randomBytes(16).toString('hex')
  Object.assign(globalThis, { hostSecret: secret })
  process.env['HOST_SECRET'] = secret
  return secret
}

/**
 * Plants files for modules: a directory that they are given, and above it a file with the secret.
 * @param scratch a directory of this cell alone
 * @returns the two directories, and what of the upper one has changed since, by name
 */
export function plantFiles(scratch: string, secret: string) {
  const outside = join(scratch, 'outside')
  const directory = join(outside, 'data')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(outside, 'secret.txt'), secret)
  writeFileSync(join(directory, 'inside.txt'), 'inside')
  const seen = () =>
    readdirSync(outside)
      .sort()
      .map((name) => `${name}: ${contentOf(join(outside, name))}`)
  const before = seen()
  const changes = () =>
    seen()
      .filter((entry) => !before.includes(entry))
      .map((entry) => `outside/${entry.split(':')[0]} changed`)
  return { outside, directory, changes }
}

const contentOf = (path: string) => (statSync(path).isFile() ? readFileSync(path, 'latin1') : 'a directory')

const WATCHED: Record<string, object> = {
  globalThis,
  'Object.prototype': Object.prototype,
  'Array.prototype': Array.prototype,
  'Function.prototype': Function.prototype,
  'Promise.prototype': Promise.prototype,
  'Error.prototype': Error.prototype,
  Error,
  Promise,
}

const entriesOf = (target: object) =>
  Reflect.ownKeys(target).map((key) => [key, Reflect.getOwnPropertyDescriptor(target, key)?.value] as const)

/** Remembers the host's globals and prototypes. @returns what has changed since, by name */
export function watchGlobals(): () => string[] {
  // Some of Node's globals are made when they are first looked at.
  for (const name of Object.getOwnPropertyNames(globalThis)) Reflect.get(globalThis, name)
  const before = new Map(Object.entries(WATCHED).map(([name, target]) => [name, new Map(entriesOf(target))]))
  return () =>
    Object.entries(WATCHED).flatMap(([name, target]) => {
      const known = before.get(name)
      const changed = entriesOf(target).filter(([key, value]) => !known?.has(key) || !Object.is(known.get(key), value))
      return changed.map(([key]) => `${name}.${String(key)} changed`)
    })
}

/** Reads a guest's result as a program would: every property, and its text. @returns all text that was found */
export function readAll(value: unknown, depth = 0): string {
  if (typeof value === 'string') return value.slice(0, 10_000)
  if (typeof value !== 'object' || value === null || depth > 4) return typeof value === 'symbol' ? '' : String(value)
  return Object.entries(value)
    .slice(0, 100)
    .map(([key, member]) => `${key} ${readAll(member, depth + 1)}`)
    .join(' ')
}

/** Watches the event loop: how long it stood still at most. */
export function watchLoop() {
  const everyMs = 2
  let last = performance.now()
  let worst = 0
  const look = () => {
    const now = performance.now()
    worst = Math.max(worst, now - last - everyMs)
    last = now
  }
  setInterval(look, everyMs)
  return {
    /** In milliseconds, so far. */
    worst() {
      look()
      return worst
    },
    /** Does something that does not count. */
    without(work: () => void) {
      look()
      work()
      last = performance.now()
    },
  }
}
