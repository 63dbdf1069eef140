/** A lock file in (`pylock.toml`, PEP 751), the wheels that it allows out, each with its hash. */
import { parse } from 'smol-toml'
import * as z from 'zod'
import { TokaError } from '../errors.ts'
import { normalName } from './wheel-name.ts'

export type LockedWheel = { file: string; sha256: string }

export type LockedPackage = {
  name: string
  version: string
  wheels: readonly LockedWheel[]
  /** Whether the lock wants it in some environments only. */
  conditional: boolean
}

const hashes = z.looseObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits') })
const wheel = z.looseObject({
  name: z.string().optional(),
  url: z.string().optional(),
  path: z.string().optional(),
  hashes,
})
const packageSchema = z.looseObject({
  name: z.string(),
  version: z.string().optional(),
  marker: z.string().optional(),
  wheels: z.array(wheel).optional(),
})
/** What is used of the format; what else a lock tells is for installers. */
const lockSchema = z.looseObject({
  'lock-version': z.string().regex(/^1\.\d+$/, 'must be 1.0'),
  packages: z.array(packageSchema),
})

function invalid(what: string, cause?: unknown): TokaError {
  return new TokaError('TOKA_PACKAGE_LOCK', `the lock is no pylock.toml: ${what}`, { cause })
}

/** The last part of a URL's or a path's name, when the lock does not say it. */
function fileOf({ name, url, path }: z.infer<typeof wheel>): string {
  if (name !== undefined) return name
  const place = path ?? (url === undefined ? '' : (URL.parse(url)?.pathname ?? ''))
  try {
    return decodeURIComponent(place.slice(place.lastIndexOf('/') + 1))
  } catch {
    throw invalid(`packages.wheels: ${JSON.stringify(place.slice(0, 200))} is no URL of a file`)
  }
}

/**
 * Reads a lock file, as `pip lock` and `uv export --format pylock.toml` write it.
 * @throws TokaError TOKA_PACKAGE_LOCK naming the field
 */
export function readLock(text: string): LockedPackage[] {
  let table: unknown
  try {
    table = parse(text)
  } catch (error) {
    throw invalid(error instanceof Error ? error.message.split('\n', 1).join() : 'it is no TOML', error)
  }
  const lock = lockSchema.safeParse(table)
  if (!lock.success) {
    const { path, message } = lock.error.issues[0] as z.core.$ZodIssue
    throw invalid(`${path.join('.')}: ${message}`)
  }
  return lock.data.packages.map(({ name, version = '', marker, wheels = [] }) => ({
    name: normalName(name),
    version,
    conditional: marker !== undefined,
    wheels: wheels.map((one) => ({ file: fileOf(one), sha256: one.hashes.sha256 })),
  }))
}
