/** The name that a caller uses in, the component's function out: whole, or as short as only one has it. */
import { TokaError } from '../../src/errors.ts'
import type { GuestFunc, Plan } from './plan.ts'

/** Names that a message lists. */
const MOST_LISTED = 20

/** The forms of one name: `docs:adder/add@0.1.0#add`, without the version, `add#add`, `add`. */
function formsOf(full: string): string[] {
  const [from, name] = full.split('#')
  if (name === undefined) return [full]
  const unversioned = (from as string).replace(/@[^@/]*$/, '')
  return [full, `${unversioned}#${name}`, `${unversioned.split('/').at(-1)}#${name}`, name]
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'it exports no function'
  const shown = names.slice(0, MOST_LISTED).map((name) => name.slice(0, 100).toWellFormed())
  return `it exports ${shown.join(', ')}${names.length > MOST_LISTED ? ', …' : ''}`
}

/** @throws TokaError TOKA_REQUEST_INVALID when no function has the name, or several */
export function findExport({ exports }: Plan, name: string): GuestFunc {
  const whole = exports.get(name)
  if (whole) return whole
  const found = [...exports].filter(([full]) => formsOf(full).includes(name))
  const [only] = found
  if (found.length === 1 && only) return only[1]
  const shown = JSON.stringify(name.slice(0, 100).toWellFormed())
  throw new TokaError(
    'TOKA_REQUEST_INVALID',
    found.length > 1
      ? `the component has several exports ${shown}: ${listed(found.map(([full]) => full))}`
      : `the component has no export ${shown}: ${listed([...exports.keys()])}`,
  )
}

/**
 * The function that a command runs: `run` of `wasi:cli/run`, of WASI 0.3 or 0.2. A program may have both, of which the
 * older does nothing (so do Rust's for wasm32-wasip3 while its library is built for 0.2).
 */
export function findCommand({ exports }: Plan): GuestFunc | undefined {
  const found = [...exports].filter(([name]) => /^wasi:cli\/run@0\.[23]\.\d[^#]*#run$/.test(name))
  return (found.find(([name]) => name.includes('@0.3.')) ?? found[0])?.[1]
}
