/** Work that a caller may stop waiting for: it goes on for others, and what comes of it late is handed to whoever tidies up. */

/**
 * What comes of work, or undefined as soon as the signal is aborted: before, it is not even begun.
 * @param late told what came of the work after all; its failure, and that of the work, are nobody's then
 */
export async function unlessAborted<T>(
  signal: AbortSignal | undefined,
  begin: () => Promise<T>,
  late: (value: T) => Promise<void>,
): Promise<T | undefined> {
  if (!signal) return begin()
  if (signal.aborted) return undefined
  const work = begin()
  let stop = (): void => {}
  const stopped = new Promise<undefined>((resolve) => (stop = () => resolve(undefined)))
  signal.addEventListener('abort', stop, { once: true })
  try {
    const value = await Promise.race([work, stopped])
    if (value === undefined) work.then(late).catch(() => {})
    return value
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
