/** What a thread keeps for all of its Tokas, beside their sandboxes, goes with the last of them. */

const endings = new Set<() => Promise<void>>()
let open = 0

/** @param end called each time that the last Toka of this thread was disposed */
export function endAfterLast(end: () => Promise<void>): void {
  endings.add(end)
}

/** A Toka was made. */
export function tokaOpened(): void {
  open++
}

/** A Toka was disposed, once. Resolves when nothing is left that was kept for it. */
export async function tokaDisposed(): Promise<void> {
  if (--open === 0) await Promise.all([...endings].map((end) => end()))
}
