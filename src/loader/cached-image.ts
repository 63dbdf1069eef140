/** What an image must be for in, the image out: from the cache where one fits, else made and kept there. */
import { TokaError } from '../errors.ts'
import { decodeImage, encodeImage, type Image, type ImageExpectation } from './image.ts'

/** Where images are kept, by keys. */
export type ImageCache = {
  /** What was put there, or nothing: bytes that were damaged since are found out (cache-entry.ts). */
  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>
  put(key: string, bytes: Uint8Array): Promise<void>
}

const cacheKey = ({ engine, engineHash }: ImageExpectation): string => `${engine}-${engineHash}`

/** One that does not fit any more is made anew. */
async function readCached(expected: ImageExpectation, cache: ImageCache): Promise<Image | undefined> {
  const bytes = await cache.get(cacheKey(expected))
  if (!bytes) return undefined
  try {
    return await decodeImage(bytes, expected, true)
  } catch (error) {
    if (error instanceof TokaError && error.code === 'TOKA_IMAGE_INVALID') return undefined
    throw error
  }
}

/** @throws what `make` throws, and what the cache does when it cannot be written */
export async function cachedImage(
  expected: ImageExpectation,
  cache: ImageCache,
  make: () => Promise<Image>,
): Promise<Image> {
  const cached = await readCached(expected, cache)
  if (cached) return cached
  const image = await make()
  await cache.put(cacheKey(expected), await encodeImage(image))
  return image
}
