/** The bytes of a canonical definition in, what it defines out: lifted and lowered functions and the builtins (Binary.md). */
import type { Reader } from '../../src/loader/reader.ts'
import { type CanonOptions, type Channel, type Definition, NO_OPTIONS, type PlainBuiltin } from './component-ast.ts'
import { refuseComponent, vector } from './component-reader.ts'
import { functionResult } from './component-types.ts'

type Builtin = Extract<Definition, { kind: 'builtin' }>['builtin']

function readOptions(reader: Reader): CanonOptions {
  const options: { -readonly [K in keyof CanonOptions]: CanonOptions[K] } = { ...NO_OPTIONS }
  const encodings = ['utf8', 'utf16', 'latin1+utf16'] as const
  vector(reader, (option) => {
    const code = option.byte()
    const encoding = encodings[code]
    if (encoding) options.encoding = encoding
    else if (code === 0x03) options.memory = option.u32()
    else if (code === 0x04) options.realloc = option.u32()
    else if (code === 0x05) options.postReturn = option.u32()
    else if (code === 0x06) options.isAsync = true
    else if (code === 0x07) options.callback = option.u32()
    else throw refuseComponent('a canonical option is unknown', option.at - 1)
  })
  return options
}

/** A byte that says whether something is so. */
function flag(reader: Reader): boolean {
  const code = reader.byte()
  if (code > 1) throw refuseComponent('an option of a builtin is malformed', reader.at - 1)
  return code === 1
}

/** The type of what a task keeps beside its stack. */
function coreType(reader: Reader): 'i32' | 'i64' {
  const code = reader.byte()
  if (code !== 0x7f && code !== 0x7e)
    throw refuseComponent('a context is of another type than i32 or i64', reader.at - 1)
  return code === 0x7f ? 'i32' : 'i64'
}

const plain = (name: PlainBuiltin) => (): Builtin => ({ name })

/** The builtins of one of the two kinds of channels, which stand in the same order. */
function channel(of: Channel, first: number): Readonly<Record<number, (reader: Reader) => Builtin>> {
  const typed =
    (name: 'new' | 'drop-readable' | 'drop-writable') =>
    (reader: Reader): Builtin => ({
      name: `${of}.${name}`,
      type: reader.u32(),
    })
  const copy =
    (name: 'read' | 'write') =>
    (reader: Reader): Builtin => ({
      name: `${of}.${name}`,
      type: reader.u32(),
      options: readOptions(reader),
    })
  const cancel =
    (name: 'cancel-read' | 'cancel-write') =>
    (reader: Reader): Builtin => ({
      name: `${of}.${name}`,
      type: reader.u32(),
      isAsync: flag(reader),
    })
  return {
    [first]: typed('new'),
    [first + 1]: copy('read'),
    [first + 2]: copy('write'),
    [first + 3]: cancel('cancel-read'),
    [first + 4]: cancel('cancel-write'),
    [first + 5]: typed('drop-readable'),
    [first + 6]: typed('drop-writable'),
  }
}

const waiting =
  (name: 'waitable-set.wait' | 'waitable-set.poll') =>
  (reader: Reader): Builtin => ({
    name,
    cancellable: flag(reader),
    memory: reader.u32(),
  })

const BUILTINS: Readonly<Record<number, (reader: Reader) => Builtin>> = {
  0x05: plain('task.cancel'),
  0x06: (reader) => ({ name: 'subtask.cancel', isAsync: flag(reader) }),
  0x09: (reader) => ({ name: 'task.return', result: functionResult(reader), options: readOptions(reader) }),
  0x0a: (reader) => ({ name: 'context.get', core: coreType(reader), slot: reader.u32() }),
  0x0b: (reader) => ({ name: 'context.set', core: coreType(reader), slot: reader.u32() }),
  0x0c: (reader) => ({ name: 'thread.yield', cancellable: flag(reader) }),
  0x0d: plain('subtask.drop'),
  ...channel('stream', 0x0e),
  ...channel('future', 0x15),
  0x1c: (reader) => ({ name: 'error-context.new', options: readOptions(reader) }),
  0x1d: (reader) => ({ name: 'error-context.debug-message', options: readOptions(reader) }),
  0x1e: plain('error-context.drop'),
  0x1f: plain('waitable-set.new'),
  0x20: waiting('waitable-set.wait'),
  0x21: waiting('waitable-set.poll'),
  0x22: plain('waitable-set.drop'),
  0x23: plain('waitable.join'),
  0x24: plain('backpressure.inc'),
  0x25: plain('backpressure.dec'),
}

/** Builtins that we have not, by their codes. */
function refusedBuiltin(code: number): string {
  if (code === 0x08) return 'backpressure.set is of drafts of WASI 0.3 (backpressure.inc and .dec came instead)'
  const isThread = (code >= 0x26 && code <= 0x2d) || (code >= 0x40 && code <= 0x42)
  return isThread ? 'threads of its own are not supported' : 'a canonical definition is unknown'
}

export function readCanon(reader: Reader): Definition {
  const at = reader.at
  const code = reader.byte()
  if (code === 0x00 || code === 0x01) {
    if (reader.byte() !== 0x00) throw refuseComponent('a lifted or lowered function is unknown', reader.at - 1)
    const func = reader.u32()
    const options = readOptions(reader)
    return code === 0x00 ? { kind: 'lift', func, options, type: reader.u32() } : { kind: 'lower', func, options }
  }
  const resource = ({ 2: 'resource.new', 3: 'resource.drop', 4: 'resource.rep' } as const)[code]
  if (resource) return { kind: resource, resource: reader.u32() }
  const read = BUILTINS[code]
  if (!read) throw refuseComponent(refusedBuiltin(code), at)
  return { kind: 'builtin', builtin: read(reader) }
}
