/** Keys and bytes in, entries of the browser's Cache API out, and back. */
import { entryName, type LoaderCache, openEntry, sealEntry } from './cache-entry.ts'

/** Cache entries are named by URLs; this one never resolves (RFC 2606). */
const BASE = 'https://toka.invalid/'

/**
 * Opens a named cache of this origin; where there is none (no secure context, storage refused) nothing is kept.
 * @param location the cache's name
 */
export function openCache(location = 'toka'): LoaderCache {
  return {
    async get(key) {
      try {
        const cache = await caches.open(location)
        const found = await cache.match(BASE + (await entryName(key)))
        return found && (await openEntry(key, new Uint8Array(await found.arrayBuffer())))
      } catch {
        // No Cache API here, or storage is refused: the caller makes it again.
        return undefined
      }
    },
    async put(key, bytes) {
      try {
        const cache = await caches.open(location)
        await cache.put(BASE + (await entryName(key)), new Response(await sealEntry(key, bytes)))
      } catch {
        // The same, or the quota is used up: there is no cache then.
      }
    },
  }
}
