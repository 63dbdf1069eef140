/** ES modules of a guest: specifiers resolve in the sandbox's own files, sources come out as JavaScript. */
import { GuestFacingError, type MaybePromise } from '../../src/kernel/host-port.ts'
import type { Process } from '../../src/kernel/process.ts'
import { Operation } from '../../src/kernel/operations.ts'
import { readFile } from '../../src/kernel/read-file.ts'
import { decodeValue } from '../../src/kernel/values.ts'
import { chain } from '../../src/kernel/steps.ts'
import { TokaError } from '../../src/errors.ts'
import { BORDER } from '../../src/limits.ts'
import { toJavaScript } from './typescript.ts'

const text = new TextDecoder('utf-8', { fatal: true })
const utf8 = new TextEncoder()

/** Node's order for a specifier without an ending is not copied: TypeScript may leave `.js` for `.ts`, no more. */
const SIBLINGS: Readonly<Record<string, string>> = { '.js': '.ts', '.mjs': '.mts' }

function endingOf(path: string): string {
  const dot = path.lastIndexOf('.')
  return dot > path.lastIndexOf('/') ? path.slice(dot) : ''
}

/** Joins and normalises; `..` at the root stays there. */
function join(base: string, relative: string): string {
  const parts = relative.startsWith('/') ? [] : base.split('/').slice(0, -1)
  for (const part of relative.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.' && part !== '') parts.push(part)
  }
  return `/${parts.filter((part) => part !== '').join('/')}`
}

/** UTF-16 units of a specifier in a message. */
const SHOWN = 200

function notFound(name: string, importer: string): GuestFacingError {
  const bare = !/^[./]/.test(name)
  const specifier = name.slice(0, SHOWN)
  return new GuestFacingError(
    'ERR_MODULE_NOT_FOUND',
    bare
      ? `Cannot find package '${specifier}' imported from ${importer}: packages are not installed in a sandbox. Bundle the tool first, for example with "npx esbuild tool.js --bundle --format=esm"`
      : `Cannot find module '${specifier}' imported from ${importer}`,
  )
}

/**
 * A guest's question which module is meant, checked.
 * @throws GuestFacingError TOKA_VALUE_SIZE for one that is too long
 */
export function readSpecifier(argument: Uint8Array): [importer: string, specifier: string] {
  let pair: unknown
  try {
    pair = decodeValue(argument)
  } catch (error) {
    if (!(error instanceof TokaError)) throw error
    throw new GuestFacingError(error.code, `the name of the module cannot cross the border: ${error.message}`)
  }
  if (!Array.isArray(pair) || typeof pair[0] !== 'string' || typeof pair[1] !== 'string')
    throw new GuestFacingError('EINVAL', 'an importer and a specifier are expected')
  return [pair[0], pair[1]]
}

/** The canonical path meant by a specifier. Bare names are refused with how to bundle instead. */
export function resolveModule(process: Process, importer: string, specifier: string): MaybePromise<string> {
  const plain = specifier.startsWith('file://') ? specifier.slice(7) : specifier
  if (!/^(\.{0,2}\/)/.test(plain)) throw notFound(specifier, importer)
  const path = join(importer, plain)
  const exists = (candidate: string): MaybePromise<boolean> => {
    const argument = utf8.encode(`\u0001\0\0\0${candidate}`)
    try {
      const answer = process.call(Operation.PathStat, argument)
      return answer instanceof Promise
        ? answer.then(
            () => true,
            () => false,
          )
        : true
    } catch {
      return false
    }
  }
  return chain(exists(path), (there) => {
    const ending = endingOf(path)
    const sibling = SIBLINGS[ending]
    if (there || !sibling) return path
    const other = path.slice(0, -ending.length) + sibling
    return chain(exists(other), (found) => (found ? other : path))
  })
}

/** Whether the guest can wait, and whether its run must end or has ended. */
type Run = Parameters<typeof toJavaScript>[2]

/** The JavaScript source of a module file. */
export function loadModule(process: Process, path: string, run: Run): MaybePromise<Uint8Array> {
  return chain(readFile(process, path, BORDER.sourceBytes), (bytes) => translate(bytes, path, run))
}

function translate(bytes: Uint8Array, path: string, run: Run): MaybePromise<Uint8Array> {
  let source: string
  try {
    source = text.decode(bytes)
  } catch {
    throw new GuestFacingError('ERR_INVALID_MODULE', `${path} is not UTF-8 text`)
  }
  const ending = endingOf(path)
  if (ending === '.json') return utf8.encode(`export default JSON.parse(${JSON.stringify(source)})`)
  if (ending === '.ts' || ending === '.mts') return chain(toJavaScript(source, path, run), (code) => utf8.encode(code))
  return bytes
}
