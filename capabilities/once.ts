/** What is dear to make goes in, it is made at its first use and kept: most programs use few of the schemas that there are. */
export function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
