/** The host of one component: each function that it imports is found by its interface and name, and its type compared. */
import type { MaybePromise } from '../../../src/kernel/host-port.ts'
import { CanonTrap } from '../canon-trap.ts'
import { refuseComponent } from '../component-reader.ts'
import type { HostFunc } from '../plan.ts'
import { withoutVersion } from '../resolve.ts'
import type { Begun } from '../runtime.ts'
import type { ResourceType } from '../resource-types.ts'
import { sameType, type WitType } from '../wit-types.ts'
import { err, type HostFunction, isClosable, type World } from './definitions.ts'
import { INTERFACES, INTERFACES_3 } from './interfaces.ts'
import { callTool } from './tools.ts'

/** Candidates of 0.3.0 are taken for it where the types of their functions are the same, which is compared. */
const VERSION = /@0\.([23])\.\d+(?:-[0-9A-Za-z.-]+)?$/

function isWasi(func: HostFunc): boolean {
  return func.from.startsWith('wasi:')
}

function sameResource(a: ResourceType, b: ResourceType): boolean {
  return a.by.side === 'host' && b.by.side === 'host' && a.by.key === b.by.key
}

function find({ from, name }: HostFunc): HostFunction | undefined {
  const all = VERSION.exec(from)?.[1] === '3' ? INTERFACES_3 : INTERFACES
  const functions = all[withoutVersion(from)]
  return functions && Object.hasOwn(functions, name) ? functions[name] : undefined
}

/** Whether a function is declared as we have it: a component that lies about a type would get values of another. */
function isAsDeclared({ type }: HostFunc, { params, result, isAsync }: HostFunction): boolean {
  const same = (a: WitType | undefined, b: WitType | undefined) => sameType(a, b, sameResource)
  return (
    type.isAsync === isAsync &&
    type.params.length === params.length &&
    params.every((param, at) => same(param, type.params[at]?.type)) &&
    same(result, type.result)
  )
}

/**
 * Checks what a component imports, before anything of it runs.
 * @throws TokaError TOKA_ENGINE_LOAD naming what is not given here
 */
export function checkImports(imports: readonly HostFunc[]): void {
  for (const func of imports) {
    const { from, name, type } = func
    const shown = from === '' ? name : `${from}#${name}`
    if (isWasi(func)) {
      if (!VERSION.test(from))
        throw refuseComponent(
          `it imports ${shown}: WASI 0.2 and 0.3 are what runs here, not ${from.split('@')[1] ?? 'that'}`,
        )
      const known = find(func)
      if (known && !isAsDeclared(func, known))
        throw refuseComponent(`it imports ${shown} with another type than it has`)
    } else if (type.params.some((param) => param.type.handles) || type.result?.handles)
      throw refuseComponent(`it imports ${shown}, and a tool of the host takes and gives values, no resources`)
  }
}

/** The error of what we do not have, where an interface can tell of it: sockets are denied, whatever they are asked for. */
function denial({ type: { result } }: HostFunc): unknown {
  const error = result?.kind === 'result' ? result.cases[1]?.type : undefined
  if (error?.kind !== 'enum') return undefined
  const label = ['access-denied', 'not-supported'].find((one) => error.cases.some((other) => other.label === one))
  return label && err(label)
}

/** Stands for a network that nothing can be done with. */
class NoNetwork {}

export class ComponentHost {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  mayWait(func: HostFunc): boolean {
    return isWasi(func) ? (find(func)?.waits ?? false) : true
  }

  /** @throws CanonTrap for what does not exist here */
  call(func: HostFunc, args: readonly unknown[]): MaybePromise<unknown> {
    if (!isWasi(func)) return callTool(this.#world.process, func, args)
    const known = find(func)
    if (known) return known.act(this.#world, ...(args as never[]))
    if (func.name === 'instance-network') return new NoNetwork()
    const denied = denial(func)
    if (denied) return denied
    throw new CanonTrap(`it calls ${func.from}#${func.name}, which does not exist here`)
  }

  /** Calls a function whose answer the guest need not wait for. */
  begin(func: HostFunc, args: readonly unknown[]): Begun {
    const known = isWasi(func) ? find(func) : undefined
    if (!known) return { answer: this.call(func, args) }
    if (!known.cancels) return { answer: known.act({ ...this.#world, waitHere: undefined }, ...(args as never[])) }
    const given = new AbortController()
    const signal = AbortSignal.any([this.#world.process.signal, given.signal])
    const answer = known.act({ ...this.#world, waitHere: undefined, signal }, ...(args as never[]))
    return { answer, cancel: () => given.abort() }
  }

  drop(resource: object): void {
    if (isClosable(resource)) resource.close()
  }
}
