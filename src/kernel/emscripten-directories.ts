/** Directories of an Emscripten guest: their entries piece by piece, and the end of their listings. */
import { BORDER } from '../limits.ts'
import { encodeEntry, ENTRY_BYTES } from './emscripten-abi.ts'
import { stateOf, type Syscall } from './emscripten-context.ts'
import { errno } from './errno.ts'
import * as work from './path-calls.ts'
import { chain, run } from './steps.ts'

/** A duplicate that stays open has the directory read anew. */
export const closeDescriptor: Syscall = (context, descriptor) => {
  const { directory } = stateOf(context, descriptor)
  if (directory) context.listings.forget(directory)
  return chain(context.process.descriptors.close(descriptor), () => 0)
}

/** Whole entries, as many as there is room for; a directory's position counts bytes of entries. */
export const readEntries: Syscall = (context, descriptor, out, size) => {
  const state = stateOf(context, descriptor)
  const { directory } = state
  if (directory === undefined) throw errno('ENOTDIR')
  const listed = directory.listing ?? run(work.listPath(context.process, directory.path))
  return chain(listed, (entries) => {
    if (entries !== directory.listing) context.listings.keep(directory, entries)
    const first = Math.floor(state.position / ENTRY_BYTES)
    const room = Math.floor((size >>> 0) / ENTRY_BYTES)
    const some = entries.slice(first, first + Math.min(room, BORDER.directoryEntries))
    if (room === 0) throw errno('EINVAL')
    context.memory.range(out, some.length * ENTRY_BYTES)
    some.forEach(({ name, kind }, at) => {
      const next = (first + at + 1) * ENTRY_BYTES
      // No entry has its inode here: asking each would cost a call of the driver. Zero would hide it.
      context.memory.write(out + at * ENTRY_BYTES, encodeEntry(name, kind, first + at + 1, next))
    })
    state.position = (first + some.length) * ENTRY_BYTES
    return some.length * ENTRY_BYTES
  })
}
