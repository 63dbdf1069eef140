/** Zeroes ranges of a guest's memory; pages that are zero already are left uncommitted. */
import { eraserWasm } from '../../guests/eraser/eraser.generated.ts'
import { moduleOf } from '../embedded-wasm.ts'

/** Zeroes from one offset to another, both multiples of 4,096 within the memory. */
export type Erase = (from: number, to: number) => void

/** An eraser of one memory. It reads at several GB/s; a page that was never touched costs a third of zeroing it. */
export function eraserOf(memory: WebAssembly.Memory): Erase {
  const { exports } = new WebAssembly.Instance(moduleOf(eraserWasm), { env: { memory } })
  return exports['erase'] as Erase
}
