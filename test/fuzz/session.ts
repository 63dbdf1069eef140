/** What is fuzzed: seeds become inputs, inputs are executed, and an input that fails is made smaller. */

export type Outcomes = string | Iterable<string>

/** One opened target. Everything that an execution does follows from its input. */
export type Session = {
  make(seed: number): Uint8Array<ArrayBuffer>
  /** Answers the names of what happened, of which there are few. Throws when something does not hold that must. */
  execute(input: Uint8Array<ArrayBuffer>): Outcomes | Promise<Outcomes>
}

export type Target = { readonly name: string; open(): Promise<Session> }

/** How often each outcome was met. */
export type Tally = Map<string, number>

export type Failure = { seed: number; input: Uint8Array<ArrayBuffer>; message: string }

/** Longest time that making a failing input smaller may take, in milliseconds. */
const SHRINK_MS = 5_000

/** Executes one input and counts its outcome. Answers what failed. */
export async function attempt(session: Session, input: Uint8Array<ArrayBuffer>, tally?: Tally): Promise<unknown> {
  try {
    const answer = session.execute(input)
    const outcomes = answer instanceof Promise ? await answer : answer
    for (const outcome of typeof outcomes === 'string' ? [outcomes] : outcomes)
      tally?.set(outcome, (tally.get(outcome) ?? 0) + 1)
    return undefined
  } catch (error) {
    return error ?? new Error('nothing was thrown')
  }
}

/**
 * Executes the inputs of `count` seeds.
 * @returns how often each outcome was met
 * @throws Error at the first failure, with its seed and the smallest input found
 */
export async function executeSeeds(session: Session, first: number, count: number): Promise<Tally> {
  const tally: Tally = new Map()
  for (let seed = first; seed < first + count; seed++) {
    const input = session.make(seed)
    const error = await attempt(session, input, tally)
    if (error === undefined) continue
    const small = await shrink(session, input, error)
    throw new Error(`seed ${seed}, input [${small.subarray(0, 2_000)}]: ${messageOf(error)}`, { cause: error })
  }
  return tally
}

export function messageOf(error: unknown): string {
  const causes: string[] = []
  for (let at = error; at !== undefined && causes.length < 5; at = at instanceof Error ? at.cause : undefined)
    causes.push(String(at))
  return causes.join(' <- ')
}

/** The same kind of failure: numbers in its text may differ. */
const kindOf = (error: unknown): string => messageOf(error).replace(/\d+/g, '#').slice(0, 200)

/** A smaller input that fails in the same way: parts left out, then bytes made zero. */
export async function shrink(
  session: Session,
  input: Uint8Array<ArrayBuffer>,
  error: unknown,
): Promise<Uint8Array<ArrayBuffer>> {
  const kind = kindOf(error)
  const end = performance.now() + SHRINK_MS
  let best = input
  const fails = async (candidate: Uint8Array<ArrayBuffer>): Promise<boolean> => {
    const found = await attempt(session, candidate)
    return found !== undefined && kindOf(found) === kind
  }
  for (let size = best.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < best.length && performance.now() < end; ) {
      const candidate = new Uint8Array([...best.subarray(0, at), ...best.subarray(at + size)])
      if (await fails(candidate)) best = candidate
      else at += size
    }
  }
  for (let at = 0; at < best.length && performance.now() < end; at++) {
    if (best[at] === 0) continue
    const candidate = best.slice()
    candidate[at] = 0
    if (await fails(candidate)) best = candidate
  }
  return best
}
