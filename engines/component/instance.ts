/** A component in the hands of one sandbox: commands and calls in, exits out; forked and snapshotted between calls. */
import type { Command, Exit, Instance, Leash, ProcessContext, StopReason } from '../../src/engine.ts'
import { TokaError } from '../../src/errors.ts'
import { decodeValue, encodeValue } from '../../src/kernel/values.ts'
import { BORDER } from '../../src/limits.ts'
import type { Image } from '../../src/loader/image.ts'
import type { State } from '../../src/loader/state.ts'
import type { Suspension } from '../../src/loader/suspension.ts'
import { findCommand, findExport } from './exports.ts'
import { hasLived } from './guest-state.ts'
import { refused } from './outcome.ts'
import type { GuestFunc } from './plan.ts'
import type { Program } from './program.ts'
import { RunningComponent } from './running.ts'
import type { Result } from './host/definitions.ts'
import { checkWitValue } from './wit-values.ts'

const VALUE_LIMITS = { structuredBytes: BORDER.resultBytes, flatBytes: BORDER.resultBytes, nodes: BORDER.resultNodes }
const DROP = '[resource-drop]'

type Call = NonNullable<Command['call']>

export class ComponentInstance implements Instance {
  readonly #program: Program
  readonly #image: Image
  readonly #context: ProcessContext
  readonly #suspension: Suspension | undefined
  /** The component whose functions are called, once one was. */
  #live: RunningComponent | undefined
  /** The saved state that it begins with; undefined for the component as it was made. */
  readonly #state: State | undefined
  /** Bytes of memory of the component that ran last. */
  #memoryBytes = 0
  #disposed = false

  constructor(program: Program, image: Image, context: ProcessContext, suspension: Suspension | undefined) {
    this.#program = program
    this.#image = image
    this.#context = context
    this.#suspension = suspension
    this.#state = hasLived(image.state) ? image.state : undefined
  }

  async run(command: Command, leash: Leash): Promise<Exit> {
    if (this.#disposed) throw new TokaError('TOKA_SANDBOX_CLOSED', 'this component was given back')
    return command.call ? this.#call(command.call, leash) : this.#command(command, leash)
  }

  snapshot(): Image {
    return this.#live ? { ...this.#image, state: this.#live.capture() } : this.#image
  }

  /** A stranger's instance is never used again. */
  reset(): boolean {
    return false
  }

  memoryBytes(): number {
    return this.#live?.guest.cores.memoryBytes ?? this.#memoryBytes
  }

  dispose(): void {
    this.#disposed = true
    this.#live?.close()
  }

  /** A program runs in a component of its own, which is gone afterwards: as a process. */
  async #command({ filename }: Command, leash: Leash): Promise<Exit> {
    const run = findCommand(this.#program.plan)
    if (!run)
      return refused(
        new TokaError(
          'TOKA_REQUEST_INVALID',
          `the component is no program: it does not export wasi:cli/run. Call one of its functions: ${[...this.#program.plan.exports.keys()].slice(0, 20).join(', ')}`,
        ),
      )
    const component = new RunningComponent(this.#program, filename, this.#context, this.#suspension)
    try {
      const answer = await component.under(leash, async () => {
        await component.guest.instantiate(true)
        return component.guest.invoke(run, [])
      })
      const isOk = (answer as Result | undefined)?.tag !== 'err'
      return { exitCode: isOk ? 0 : 1, lost: false }
    } catch (error) {
      return { ...this.#fallen(component, error, leash), lost: false }
    } finally {
      this.#memoryBytes = component.guest.cores.memoryBytes
      component.close()
    }
  }

  async #call(call: Call, leash: Leash): Promise<Exit> {
    let component = this.#live
    try {
      if (!component) {
        component = new RunningComponent(this.#program, '', this.#context, this.#suspension)
        await (this.#state ? component.resume(this.#state) : component.begin(leash))
        this.#live = component
      }
    } catch (error) {
      return component ? this.#lose(component, error, leash) : refused(error)
    }
    let act: () => Promise<unknown>
    try {
      act = this.#prepare(component, call)
    } catch (error) {
      return refused(error)
    }
    try {
      const value = await component.under(leash, act)
      return { exitCode: 0, value: encodeValue(value, VALUE_LIMITS), lost: false }
    } catch (error) {
      return error instanceof TokaError && component.guest.death === 0
        ? refused(error)
        : this.#lose(component, error, leash)
    }
  }

  /** Checks all that was given before anything of the guest is touched. */
  #prepare(component: RunningComponent, { name, args }: Call): () => Promise<unknown> {
    const given = decodeValue(args, VALUE_LIMITS)
    if (!Array.isArray(given)) throw new TokaError('TOKA_INTERNAL', 'the arguments of a call are no array')
    if (name.startsWith(DROP)) return this.#dropping(component, given[0])
    const func = findExport(this.#program.plan, name)
    mustBeCallable(func, name)
    const checked = checkArguments(component, func, name, given)
    return async () => {
      for (const number of checked.taken) component.handedOut.take(number)
      return component.guest.invoke(func, checked.args, (resource, rep) => component.handedOut.give(resource, rep))
    }
  }

  #dropping(component: RunningComponent, value: unknown): () => Promise<unknown> {
    const held = component.handedOut.takeBy(value)
    if (!held) throw new TokaError('TOKA_VALUE_UNSUPPORTED', 'the argument is no resource that this sandbox handed out')
    return async () => component.guest.destroy(held.resource, held.rep)
  }

  #lose(component: RunningComponent, error: unknown, leash: Leash): Exit {
    this.#live = undefined
    this.#memoryBytes = component.guest.cores.memoryBytes
    component.close()
    return { ...this.#fallen(component, error, leash), lost: true }
  }

  #fallen(component: RunningComponent, error: unknown, leash: Leash): Exit {
    const { guest, outcome } = component
    const stopped: StopReason | undefined = guest.death > 0 ? 'calls' : leash.stopped
    return outcome.toExit(error, stopped, guest.cores.areTooDeep)
  }
}

/** Streams, futures and error contexts are between components and the host's interfaces. */
function mustBeCallable({ type: { params, result } }: Pick<GuestFunc, 'type'>, name: string): void {
  if (result?.channels || params.some(({ type }) => type.channels))
    throw new TokaError(
      'TOKA_VALUE_UNSUPPORTED',
      `${name} takes or gives streams, futures or error contexts: components alone can call it`,
    )
}

function checkArguments(
  component: RunningComponent,
  { type }: GuestFunc,
  name: string,
  given: readonly unknown[],
): { args: unknown[]; taken: ReadonlySet<number> } {
  if (given.length > type.params.length)
    throw new TokaError(
      'TOKA_VALUE_UNSUPPORTED',
      `${name} takes ${type.params.length} arguments, and is given ${given.length}`,
    )
  const taken = new Set<number>()
  const find = component.handedOut.finder(taken)
  const args = type.params.map((param, at) => checkWitValue(param.type, given[at], param.name, find))
  return { args, taken }
}
