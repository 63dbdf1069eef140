/** The bound of CPython's stack: the same wherever guests are suspended, else what the thread can hold. */
import { expect, test } from 'vitest'
import { boundStack, STACK_BYTES } from '../../engines/pyodide/stack.ts'

const place = { softLimit: 64, stackTop: 2 ** 16 * 32 }

function boundOf(memory: WebAssembly.Memory, suspends: boolean): number {
  boundStack(memory, place, suspends)
  return place.stackTop - new DataView(memory.buffer).getUint32(place.softLimit, true)
}

test('a guest that comes from a thread with less stack gets all of it where each guest has a stack of its own', () => {
  const memory = new WebAssembly.Memory({ initial: 1 })
  const ofThread = boundOf(memory, false)
  // Half a MiB is the least that a thread of any runtime has.
  expect(ofThread).toBeGreaterThan(2 ** 18)
  expect(ofThread).toBeLessThanOrEqual(STACK_BYTES)
  expect(boundOf(memory, true)).toBe(STACK_BYTES)
  expect(boundOf(memory, false)).toBe(ofThread)
})
