/** What a worker does: messages of the embedding thread in, sandboxes and their runs here, answers out. */
import type { Predicate } from '../../capabilities/assembler.ts'
import { composeSandbox } from '../compose.ts'
import type { ExecutionEngine } from '../engine.ts'
import { loadEngineOf } from '../engines.ts'
import { TokaError } from '../errors.ts'
import { createLedger, type Ledger } from '../gate/ledger.ts'
import type { Policy } from '../gate/policy.ts'
import type { Limits } from '../limits.ts'
import { makeRoom } from '../room.ts'
import type { Image } from '../loader/image.ts'
import { allowSuspension } from '../loader/suspension.ts'
import type { SandboxOptions, TraceEvent } from '../request.ts'
import type { RunOutcome } from '../sandbox/order.ts'
import { type FromWorker, type MessageOf, readToWorker, type ToWorker } from '../sandbox/protocol.ts'
import type { LocalSandbox } from '../sandbox/sandbox.ts'
import type { ToolDescription } from '../tool.ts'
import { RemoteTools } from './remote-tools.ts'
import { ServedRun } from './served-run.ts'

type Prepared = { engine: Promise<ExecutionEngine>; image: Image }
type Resident = { sandbox: LocalSandbox; tools: RemoteTools; limits: Readonly<Limits>; trace: boolean }

export type ServerPort = {
  post(message: FromWorker): void
  /** The embedding thread sent what it never sends: this worker ends. */
  end(): void
}

/** The embedding thread's policy, with its predicates read again. */
function policyOf({ program, account }: MessageOf<ToWorker, 'open'>['policy']): Policy {
  return { program: { ...program, predicates: JSON.parse(program.predicates) as Predicate[] }, account }
}

function refusal(error: unknown): { code: string; message: string } {
  if (error instanceof TokaError) return { code: error.code, message: error.message }
  return { code: 'TOKA_INTERNAL', message: (error instanceof Error ? error.message : String(error)).slice(0, 2_000) }
}

export class WorkerServer {
  readonly #port: ServerPort
  #suspends = false
  readonly #numbers = { last: 0 }
  readonly #images = new Map<number, Prepared>()
  readonly #residents = new Map<number, Resident>()
  readonly #runs = new Map<number, ServedRun>()
  #ledger: Ledger | undefined

  constructor(port: ServerPort) {
    this.#port = port
  }

  receive(data: unknown): void {
    const message = readToWorker(data)
    if (!message || !this.#accept(message)) this.#port.end()
  }

  /** @returns false for what the embedding thread never sends */
  #accept(message: ToWorker): boolean {
    if (message.kind === 'init') return this.#begin(message)
    if (!this.#ledger) return false
    switch (message.kind) {
      case 'image':
        return this.#keep(message)
      case 'open':
        return this.#open(message, this.#ledger)
      case 'fork':
        return this.#fork(message)
      case 'snapshot':
        return this.#snapshot(message)
      case 'dispose':
        return this.#dispose(message)
      case 'room':
        makeRoom()
        return true
      case 'run':
        return this.#run(message)
      case 'cancel':
        this.#runs.get(message.run)?.cancel()
        return true
      case 'answer':
        // It may have crossed the end of its run.
        for (const run of this.#runs.values()) run.answered(message)
        return message.call <= this.#numbers.last
      case 'mail':
        this.#runs.get(message.run)?.mailed()
        return true
      case 'input':
        this.#runs.get(message.run)?.arrived(message)
        return true
    }
  }

  #begin({ ledger, suspension }: MessageOf<ToWorker, 'init'>): boolean {
    if (this.#ledger) return false
    allowSuspension(suspension)
    this.#suspends = suspension
    this.#ledger = createLedger(ledger)
    this.#port.post({ kind: 'ready' })
    return true
  }

  #keep({ image, content }: MessageOf<ToWorker, 'image'>): boolean {
    if (this.#images.has(image)) return false
    const engine = loadEngineOf(content)
    // Who opens a sandbox hears of it.
    engine.catch(() => {})
    this.#images.set(image, { engine, image: content as Image })
    return true
  }

  #open(message: MessageOf<ToWorker, 'open'>, ledger: Ledger): boolean {
    const { sandbox: number, image, policy, trace, snapshot } = message
    const prepared = this.#images.get(image)
    if (!prepared || this.#residents.has(number)) return false
    const options = message.options as SandboxOptions
    const limits = message.limits as Limits
    const tools = new RemoteTools(message.tools as ToolDescription[], this.#suspends)
    void this.#settle(number, { tools, limits, trace }, async () =>
      composeSandbox({
        options: trace ? { ...options, onTrace: this.#tracer(number) } : options,
        limits,
        engine: await prepared.engine,
        image: prepared.image,
        ...(snapshot ? { snapshot } : {}),
        policy: policyOf(policy),
        ledger,
        tools,
      }),
    )
    return true
  }

  #fork({ sandbox, twin }: MessageOf<ToWorker, 'fork'>): boolean {
    const parent = this.#residents.get(sandbox)
    if (!parent || this.#residents.has(twin)) return false
    const tools = parent.tools.copy()
    const { limits, trace } = parent
    void this.#settle(twin, { tools, limits, trace }, () =>
      parent.sandbox.fork({}, { toolbox: tools, trace: trace ? this.#tracer(twin) : undefined }),
    )
    return true
  }

  async #settle(number: number, facts: Omit<Resident, 'sandbox'>, make: () => Promise<LocalSandbox>): Promise<void> {
    try {
      this.#residents.set(number, { ...facts, sandbox: await make() })
      this.#port.post({ kind: 'opened', sandbox: number })
    } catch (error) {
      this.#port.post({ kind: 'refused', sandbox: number, ...refusal(error) })
    }
  }

  #tracer(sandbox: number): (event: TraceEvent) => void {
    return (event) => this.#port.post({ kind: 'trace', sandbox, event })
  }

  #snapshot({ sandbox }: MessageOf<ToWorker, 'snapshot'>): boolean {
    const resident = this.#residents.get(sandbox)
    if (!resident) return false
    const { post } = this.#port
    resident.sandbox.snapshot().then(
      (content) => post({ kind: 'snapshotted', sandbox, content }),
      (error) => post({ kind: 'refused', sandbox, ...refusal(error) }),
    )
    return true
  }

  #dispose({ sandbox: number }: MessageOf<ToWorker, 'dispose'>): boolean {
    const resident = this.#residents.get(number)
    if (!resident) return false
    this.#residents.delete(number)
    void resident.sandbox.dispose().then(() => this.#port.post({ kind: 'disposed', sandbox: number }))
    return true
  }

  #run(message: MessageOf<ToWorker, 'run'>): boolean {
    const resident = this.#residents.get(message.sandbox)
    if (!resident || resident.tools.run || this.#runs.has(message.run)) return false
    void this.#execute(resident, message)
    return true
  }

  async #execute({ sandbox, tools, limits }: Resident, message: MessageOf<ToWorker, 'run'>): Promise<void> {
    const { run: number, order, output, events, streams } = message
    const { post } = this.#port
    const run = new ServedRun(message, limits, { post, numbers: this.#numbers, suspends: this.#suspends })
    this.#runs.set(number, run)
    tools.run = run
    let last: FromWorker
    try {
      const whole = streams ? { ...order, stdin: run.input } : order
      last = {
        kind: 'result',
        run: number,
        outcome: wireOutcome(await sandbox.execute(whole, run.hooks(output, events))),
      }
    } catch (error) {
      last = { kind: 'failed', run: number, ...refusal(error) }
    }
    tools.run = undefined
    this.#runs.delete(number)
    run.end()
    post(last)
  }
}

/** Without what the embedding thread knows better. */
function wireOutcome({ pending: _, engine: __, ...outcome }: RunOutcome): MessageOf<FromWorker, 'result'>['outcome'] {
  const { value, files } = outcome
  const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes)
  return {
    ...outcome,
    files: Object.fromEntries(Object.entries(files).map(([path, bytes]) => [path, own(bytes)])),
    ...(value ? { value: own(value) } : {}),
  } as MessageOf<FromWorker, 'result'>['outcome']
}
