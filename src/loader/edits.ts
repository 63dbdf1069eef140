/** A function body and a list of changes in, the changed body out: where checks and replaced instructions are put in. */
import type { Writer } from './writer.ts'

/** Replaces `[at, until)` of the binary by `code`; undefined leaves the place as it is. */
export type Edit = {
  at: number
  until: number
  code: ArrayLike<number> | undefined
  /** Places in the code of branches that are hardly ever taken. */
  unlikely?: readonly number[] | undefined
}

/**
 * Writes the size and the bytes of the body `[start, end)` with the edits made, which are in the order of their places.
 * @returns the places in the body, as it is written, of branches that are hardly ever taken
 */
export function writeEdited(
  into: Writer,
  bytes: Uint8Array,
  start: number,
  end: number,
  edits: readonly Edit[],
): readonly number[] {
  let size = end - start
  for (const { at, until, code } of edits) if (code) size += code.length - (until - at)
  into.u32(size)
  const begins = into.length
  const branches: number[] = []
  let from = start
  for (const { at, until, code, unlikely } of edits) {
    if (!code) continue
    into.copy(bytes, from, at)
    if (unlikely) for (const place of unlikely) branches.push(into.length - begins + place)
    into.raw(code)
    from = until
  }
  into.copy(bytes, from, end)
  return branches
}

/** Two lists in the order of their places as one; at the same place the first list's go first. */
export function mergeEdits(first: readonly Edit[], second: readonly Edit[]): Edit[] {
  const merged: Edit[] = []
  let at = 0
  for (const edit of second) {
    for (let next = first[at]; next && next.at <= edit.at; next = first[++at]) merged.push(next)
    merged.push(edit)
  }
  for (; at < first.length; at++) merged.push(first[at] as Edit)
  return merged
}
