/** A refused request in, the rule that would allow it out. Apart from reading rules: gates in workers need no schemas. */
import type { ActionName } from './isa.ts'

/** The text as a pattern that means only itself. Characters that a pattern cannot hold become `?`. */
function escapeGlob(text: string): string {
  return text.replace(/[*?[{}]/g, '[$&]').replace(/[\u0000-\u001f\u007f\\]/g, '?')
}

/** What is beneath the directory that a path lies in; at the root only the path itself. */
function pathPattern(path: string): string {
  const parent = path.slice(0, path.lastIndexOf('/'))
  return parent === '' ? escapeGlob(path) : `${escapeGlob(parent)}/**`
}

/** What is beneath the directory of a URL's path. Its query is no part of a pattern. */
function urlPattern(url: string): string {
  return url.replace(
    /^([a-z]+:\/\/[^/?]+)(\/[^?]*).*/s,
    (_, origin: string, path: string) => `${origin}${pathPattern(path)}`,
  )
}

/**
 * The rule that would allow a request, such as `fs.read=/data/**`.
 * @param method of a `net.fetch`, unless a grant that names no methods has it
 */
export function formatRule(action: ActionName, resource: string, method?: string): string {
  if (action === 'clock.precise') return 'clock'
  if (action === 'fs.read' || action === 'fs.write') return `${action}=${pathPattern(resource)}`
  if (action === 'net.fetch' || action === 'net.resolve')
    return `net.fetch=${method === undefined ? '' : `${method} `}${urlPattern(resource)}`
  return `${action}=${resource}`
}

/** Quotes a text for a POSIX shell. */
export function quoteShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
