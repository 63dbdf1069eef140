/** Makes a missing member of a module an error that says so: `undefined is not a function` would tell nobody what to do. */
import { codedError } from '../failures.ts'

/** Names that loaders, bundlers and formatters ask every module for. */
const ASKED = new Set(['then', 'default', '__esModule', 'toJSON', 'inspect', 'constructor', 'module.exports'])

/** @param advice what to do instead, by member, where there is something better to say */
export function subset<T extends object>(name: string, members: T, advice: Readonly<Record<string, string>> = {}): T {
  return new Proxy(members, {
    get(target, member, receiver) {
      if (Reflect.has(target, member) || typeof member === 'symbol' || ASKED.has(member))
        return Reflect.get(target, member, receiver)
      const instead = Object.hasOwn(advice, member) ? `: ${advice[member]}` : ''
      throw codedError('ERR_TOKA_NOT_AVAILABLE', `${name}.${member} is not available in a sandbox${instead}`)
    },
  })
}
