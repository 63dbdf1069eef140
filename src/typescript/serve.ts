/** The thread's side: one task in, its reply out. */
import type { Reply, Task } from './protocol.ts'
import { stripTypes, Unfinished } from './transform.ts'

const SHOWN = 2_000

/** Does a task; takes about its budget at most. */
export function serve({ job, source, budgetMs }: Task): Reply {
  const deadline = performance.now() + budgetMs
  try {
    return { kind: 'done', job, code: stripTypes(source, () => performance.now() > deadline) }
  } catch (error) {
    if (error instanceof Unfinished) return { kind: 'unfinished', job }
    return { kind: 'refused', job, message: (error as Error).message.slice(0, SHOWN) }
  }
}
