/** The locked peers go in beside this file, when they are not there yet. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { installLocked } from '../../test/runtimes/install-locked.ts'

const here = new URL('./', import.meta.url)

/** Installs the peers. @returns the error of npm, or undefined when they are there */
export const installPeers = (): string | undefined => installLocked(fileURLToPath(here), 'the peers in bench/peers')

/** The version of an installed peer, or undefined. */
export async function versionOf(name: string): Promise<string | undefined> {
  try {
    return JSON.parse(await readFile(new URL(`node_modules/${name}/package.json`, here), 'utf8')).version
  } catch {
    return undefined
  }
}
