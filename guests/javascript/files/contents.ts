/** Operations on open files and on whole contents. Each is a generator of host calls (steps.ts) with Node's arguments. */
import { codedError, invalidType } from '../failures.ts'
import { readWord, withWord, wordAndText, writeDouble, writeWord } from '../natives.ts'
import {
  FdClose,
  FdRead,
  FdStat,
  FdSync,
  FdTruncate,
  FdWrite,
  PathOpen,
  TRANSFER_BYTES,
} from '../operations.generated.ts'
import { bytesLength, setBytes, viewOf } from '../primordials.ts'
import { decode } from '../values/decode.ts'
import { bytesIn } from '../web/bytes.ts'
import { descriptorOf, intentOf, optionsOf, pathOf } from './arguments.ts'
import { bufferOf } from './buffers.ts'
import { bytesOfData, decodeText, encodingOf } from './encodings.ts'
import { type FileStat, Stats } from './stats.ts'
import { type Steps, step } from './steps.ts'
import { writeArgument } from './write.ts'

const STDIN = 0
/** The descriptor's own position. */
const CURRENT = -1

function readArgument(fd: number, length: number, position: number): Uint8Array {
  const argument = withWord(fd, 12)
  writeWord(argument, 4, length < TRANSFER_BYTES ? length : TRANSFER_BYTES)
  writeDouble(argument, 8, position)
  return argument
}

export function* open(path: unknown, flags?: unknown, _mode?: unknown): Steps<number> {
  const text = pathOf(path)
  return readWord(yield* step(PathOpen, wordAndText(intentOf(flags), text), { syscall: 'open', path: text }))
}

export function* close(fd: unknown): Steps<undefined> {
  yield* step(FdClose, withWord(descriptorOf(fd), 0), { syscall: 'close' })
  return undefined
}

/** Runs `use` with a descriptor: the one given, or the path opened for it and closed afterwards. */
function* withFile<T>(file: unknown, flags: unknown, use: (fd: number) => Steps<T>): Steps<T> {
  if (typeof file === 'number') return yield* use(descriptorOf(file))
  if (file === '/dev/stdin') return yield* use(STDIN)
  const fd = yield* open(file, flags)
  try {
    return yield* use(fd)
  } finally {
    yield* close(fd)
  }
}

function* readAll(fd: number): Steps<Uint8Array> {
  let all = new Uint8Array(0)
  let length = 0
  for (;;) {
    const chunk = yield* step(FdRead, readArgument(fd, TRANSFER_BYTES, CURRENT), { syscall: 'read' })
    const size = bytesLength(chunk)
    if (size === 0) return length === bytesLength(all) ? all : viewOf(all, 0, length).slice()
    if (length === 0) all = chunk as Uint8Array<ArrayBuffer>
    else if (length + size > bytesLength(all)) {
      const grown = new Uint8Array((length + size) * 2)
      setBytes(grown, viewOf(all, 0, length))
      all = grown
    }
    if (length > 0) setBytes(all, chunk, length)
    length += size
  }
}

function* writeAllSteps(fd: number, bytes: Uint8Array): Steps<number> {
  const length = bytesLength(bytes)
  let at = 0
  while (at < length) {
    const written = readWord(yield* step(FdWrite, writeArgument(fd, bytes, at), { syscall: 'write' }))
    if (written === 0) break
    at += written
  }
  return at
}

export function* readFile(file: unknown, options?: unknown): Steps<string | Uint8Array> {
  const { encoding, flag } = optionsOf(options)
  const wanted = encodingOf(encoding)
  const bytes = yield* withFile(file, flag ?? 'r', readAll)
  return wanted === undefined ? bufferOf(bytes) : decodeText(bytes, wanted)
}

export function* writeFile(file: unknown, data: unknown, options?: unknown): Steps<undefined> {
  const { encoding, flag } = optionsOf(options)
  const bytes = bytesOfData(data, encoding)
  yield* withFile(file, flag ?? 'w', (fd) => writeAllSteps(fd, bytes))
  return undefined
}

export function* appendFile(file: unknown, data: unknown, options?: unknown): Steps<undefined> {
  return yield* writeFile(file, data, { flag: 'a', ...optionsOf(options) })
}

/** Arguments of read and write: `(fd, buffer, offset?, length?, position?)` or `(fd, buffer, { offset, length, position })`. */
function window(
  buffer: unknown,
  offset: unknown,
  length: unknown,
  position: unknown,
): [bytes: Uint8Array, position: number] {
  const bytes = bytesIn(buffer)
  if (bytes === undefined) throw invalidType('buffer', 'an instance of Uint8Array or DataView', buffer)
  if (typeof offset === 'object' && offset !== null) {
    const {
      offset: start,
      length: size,
      position: at,
    } = offset as { offset?: unknown; length?: unknown; position?: unknown }
    return window(buffer, start, size, at)
  }
  const start = offset === undefined || offset === null ? 0 : Number(offset)
  const size = length === undefined || length === null ? bytesLength(bytes) - start : Number(length)
  if (
    !Number.isInteger(start) ||
    !Number.isInteger(size) ||
    start < 0 ||
    size < 0 ||
    start + size > bytesLength(bytes)
  ) {
    throw codedError('ERR_OUT_OF_RANGE', 'The offset and length must lie within the buffer')
  }
  const at = position === undefined || position === null || Number(position) < 0 ? CURRENT : Number(position)
  return [viewOf(bytes, start, size), at]
}

export function* read(
  fd: unknown,
  buffer: unknown,
  offset?: unknown,
  length?: unknown,
  position?: unknown,
): Steps<number> {
  const [into, at] = window(buffer, offset, length, position)
  if (bytesLength(into) === 0) return 0
  const chunk = yield* step(FdRead, readArgument(descriptorOf(fd), bytesLength(into), at), { syscall: 'read' })
  setBytes(into, chunk)
  return bytesLength(chunk)
}

/** Also `(fd, text, position?, encoding?)`. The kernel writes at the descriptor's own position alone. */
export function* write(
  fd: unknown,
  data: unknown,
  offset?: unknown,
  length?: unknown,
  position?: unknown,
): Steps<number> {
  const isText = typeof data === 'string'
  const [bytes, at] = isText
    ? window(bytesOfData(data, length), 0, undefined, offset)
    : window(data, offset, length, position)
  if (at !== CURRENT) {
    throw codedError(
      'ENOTSUP',
      'Writing at a position is not available in a sandbox: write in order, or rewrite the file',
    )
  }
  return yield* writeAllSteps(descriptorOf(fd), bytes)
}

export function* fstat(fd: unknown): Steps<Stats> {
  return new Stats(decode(yield* step(FdStat, withWord(descriptorOf(fd), 0), { syscall: 'fstat' })) as FileStat)
}

export function* ftruncate(fd: unknown, length?: unknown): Steps<undefined> {
  const argument = withWord(descriptorOf(fd), 8)
  writeDouble(argument, 4, Math.max(0, Number(length ?? 0)))
  yield* step(FdTruncate, argument, { syscall: 'ftruncate' })
  return undefined
}

export function* truncate(path: unknown, length?: unknown): Steps<undefined> {
  yield* withFile(path, 'r+', (fd) => ftruncate(fd, length))
  return undefined
}

export function* fsync(fd: unknown): Steps<undefined> {
  yield* step(FdSync, withWord(descriptorOf(fd), 0), { syscall: 'fsync' })
  return undefined
}
