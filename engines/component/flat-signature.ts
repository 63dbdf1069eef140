/** A function's type in, the core values that it is called with out (CanonicalABI.md, "flatten_functype"). */
import { type FlatType, type FunctionType, MOST_FLAT, tuple, type WitType } from './wit-types.ts'

/** MAX_FLAT_ASYNC_PARAMS. */
const MOST_FLAT_ASYNC = 4

/** A list of parameters as one tuple, for what goes through memory; undefined for none. */
export function tupleOf({ params }: Pick<FunctionType, 'params'>): WitType | undefined {
  return params.length === 0 ? undefined : tuple(params.map(({ type }) => type))
}

/** How a function is passed: which parameters and results are core values (CanonicalABI.md, "flatten_functype"). */
export type FlatSignature = {
  params: readonly FlatType[]
  results: readonly FlatType[]
  /** Parameters go through memory, and their tuple. */
  spilled: WitType | undefined
  /** The result goes through memory. */
  indirect: boolean
}

/** How an asynchronous function is passed: its result comes later, to a place that the caller brings, or by `task.return`. */
function asyncSignature(type: FunctionType, side: 'lift' | 'lower', hasCallback: boolean): FlatSignature {
  const all = tupleOf(type)
  const most = side === 'lift' ? MOST_FLAT : MOST_FLAT_ASYNC
  const spills = all !== undefined && (all.flat === undefined || all.flat.length > most)
  const params: FlatType[] = spills ? ['i32'] : [...(all?.flat ?? [])]
  const indirect = side === 'lower' && type.result !== undefined
  if (indirect) params.push('i32')
  return {
    params,
    results: side === 'lower' || hasCallback ? ['i32'] : [],
    spilled: spills ? all : undefined,
    indirect,
  }
}

/** @param side `lift` is called by us, `lower` by the guest, which brings the place for a large result */
export function flatSignature(
  type: FunctionType,
  side: 'lift' | 'lower',
  { isAsync, hasCallback }: { isAsync: boolean; hasCallback: boolean } = { isAsync: false, hasCallback: false },
): FlatSignature {
  if (isAsync) return asyncSignature(type, side, hasCallback)
  const all = tupleOf(type)
  const spills = all !== undefined && all.flat === undefined
  const params: FlatType[] = spills ? ['i32'] : [...(all?.flat ?? [])]
  const { result: answer } = type
  const indirect = answer !== undefined && (answer.flat === undefined || answer.flat.length > 1)
  if (indirect && side === 'lower') params.push('i32')
  const results: readonly FlatType[] = !answer ? [] : !indirect ? (answer.flat ?? []) : side === 'lift' ? ['i32'] : []
  return { params, results, spilled: spills ? all : undefined, indirect }
}
