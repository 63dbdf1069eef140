/** Packages of the peers, by name: they are installed beside this file, and not known to the project's own types. */

/**
 * Imports a package that only the suites with peers need.
 * @returns its namespace; the adapter that asked says what it uses of it
 * @throws what Node throws for a package that is not installed or does not load here
 */
export const load = (specifier: string): Promise<unknown> => import(specifier)

/** The URL of a file of such a package. */
export const resolve = (specifier: string): string => import.meta.resolve(specifier)
