/** An image in, the same with its memory where all workers can read it out: it is copied once, not once a worker. */
import type { Image } from '../loader/image.ts'

type SharedImage = Omit<Image, 'files'> & { files?: Uint8Array<ArrayBuffer> }

const shared = new WeakMap<Image, SharedImage>()

export function shareImage(image: Image): SharedImage {
  const known = shared.get(image)
  if (known) return known
  const { runs } = image.state
  const memory = new SharedArrayBuffer(runs.reduce((size, { bytes }) => size + bytes.length, 0))
  let at = 0
  const moved = runs.map(({ offset, bytes }) => {
    const copy = new Uint8Array(memory, at, bytes.length)
    copy.set(bytes)
    at += bytes.length
    return { offset, bytes: copy }
  })
  const { files, ...rest } = image
  const state = { ...image.state, runs: moved }
  const twin: SharedImage = { ...rest, state, ...(files ? { files: new Uint8Array(files) } : {}) }
  shared.set(image, twin)
  return twin
}
