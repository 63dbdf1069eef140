/** How a request names a package: a name, or a name and a version as requirements write it (`humanize`, `humanize==4.9.0`). */

export const WANTED = /^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:==([A-Za-z0-9_.!+]+))?$/

/** Whether a text can be one of a request's packages. */
export function isPackageName(text: string): boolean {
  return WANTED.test(text)
}
