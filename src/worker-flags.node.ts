/** Flags of this process that a worker thread in Node needs too. */
import process from 'node:process'

/**
 * How modules are found and read. Others (a program given by `--eval`, a preloaded module) are none of a worker's
 * business, and some are refused.
 */
export function workerFlags(): string[] {
  const kept: string[] = []
  process.execArgv.forEach((flag, at, all) => {
    if (/^(--conditions=|--experimental-|--disable-warning=|--no-warnings)/.test(flag)) kept.push(flag)
    else if (flag === '--conditions' || flag === '-C') kept.push(`--conditions=${all[at + 1] ?? ''}`)
  })
  return kept
}
