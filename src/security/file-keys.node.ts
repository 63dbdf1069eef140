/** A file with an identity provider's keys in, what reads it out, for `callers`. */
import { readFile } from 'node:fs/promises'
import { TokaError } from '../errors.ts'
import type { KeySet } from './callers.ts'

/** Keys in a JSON Web Key Set file, which may be replaced while the process runs. */
export function fileKeys(path: string): () => Promise<KeySet> {
  return async () => {
    try {
      return JSON.parse(await readFile(path, 'utf8')) as KeySet
    } catch {
      throw new TokaError('TOKA_CALLER_INVALID', 'the file with the key set of callers cannot be read, or is no JSON')
    }
  }
}
