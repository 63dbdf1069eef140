/** TypeScript text in, JavaScript text out, line for line: the one transformer of every runtime. */
import { transform } from 'sucrase'
import { GuestFacingError } from '../../src/kernel/host-port.ts'

/** Largest TypeScript source, in UTF-16 units: the transformer runs on the host's thread, where no fuel stops it. */
export const TYPESCRIPT_LIMIT = 2 ** 20

/**
 * Strips types and keeps line numbers (sucrase leaves each statement on its line).
 * @throws GuestFacingError with code `SyntaxError` when the source does not parse, or is too large
 */
export function toJavaScript(source: string, filename: string): string {
  if (source.length > TYPESCRIPT_LIMIT) {
    throw new GuestFacingError('TOKA_VALUE_SIZE', `${filename}: TypeScript sources are limited to 1 MiB`)
  }
  try {
    return transform(source, { transforms: ['typescript'], disableESTransforms: true, keepUnusedImports: false }).code
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new GuestFacingError('SyntaxError', `${filename}: ${message.replace(/^Error transforming [^:]*: /, '')}`)
  }
}
