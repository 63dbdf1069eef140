/** A wheel's file name in, its parts out, as the binary distribution format has them. */
import { TokaError } from '../errors.ts'

export type WheelName = {
  /** The normalised name of the package: lower case, runs of `-`, `_` and `.` as one `-`. */
  name: string
  version: string
  python: readonly string[]
  abi: readonly string[]
  platform: readonly string[]
}

/** Name, version, maybe a build number, and the three tags (packaging.python.org, "Binary distribution format"). */
const FORM =
  /^([A-Za-z0-9](?:[A-Za-z0-9._]*[A-Za-z0-9])?)-([A-Za-z0-9_.!+]+)(?:-\d[^-]*)?-([^-]+)-([^-]+)-([^-]+)\.whl$/

/** As the specification "Names and normalization" has it. */
export function normalName(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-')
}

/** @throws TokaError TOKA_PACKAGE_INVALID */
export function parseWheelName(file: string): WheelName {
  const [, name, version, python, abi, platform] = FORM.exec(file) ?? []
  if (!name || !version || !python || !abi || !platform)
    throw new TokaError('TOKA_PACKAGE_INVALID', `${JSON.stringify(file.slice(0, 200))} is no name of a wheel`)
  return {
    name: normalName(name),
    version,
    python: python.split('.'),
    abi: abi.split('.'),
    platform: platform.split('.'),
  }
}

/** Whether a wheel holds Python alone, and runs on Python 3.14. */
export function isPure({ python, abi, platform }: WheelName): boolean {
  const isOurs = python.some((tag) => tag === 'py3' || /^(?:py|cp)3(?:[0-9]|1[0-4])$/.test(tag))
  return isOurs && abi.includes('none') && platform.includes('any')
}
