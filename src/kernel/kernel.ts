/** The deterministic layer beneath all guests of a sandbox: it owns files, processes, time and randomness, and no policy. */
import { TokaError } from '../errors.ts'
import { BORDER, type Limits } from '../limits.ts'
import { dispatchCall } from './calls.ts'
import { Clock } from './clock.ts'
import { FileTree } from './files.ts'
import type { HostPort } from './host-port.ts'
import { MountTable } from './mounts.ts'
import type { Process, ProcessRun } from './process.ts'
import { type Launcher, ProcessTable } from './processes.ts'
import { Random } from './random.ts'
import type { Services, ToolDescription } from './services.ts'
import { decodeValue, encodeValue } from './values.ts'

export type KernelOptions = {
  port: HostPort
  limits: Readonly<Limits>
  /** Absolute guest paths answered by `port.files`; the index is the MountId. */
  mounts?: readonly string[]
  /** What `ToolList` answers. */
  tools?: readonly ToolDescription[]
  /** The private tree, which becomes the kernel's own (pass a fork to keep yours). Default: an empty one with /tmp. */
  files?: FileTree
  /** Wall clock at the start in milliseconds since 1970; default now. */
  startMs?: number
  /** Makes clock and randomness functions of the request. */
  deterministic?: { seed: string; start: string }
  /** State of an earlier kernel ({@link Kernel.serialize}) without its files. Used by {@link Kernel.restore}. */
  resume?: KernelState
  /** What process 1 starts with. */
  process?: ProcessRun
  /** Starts other processes; without it launching answers ENOSYS. */
  launch?: Launcher
}

/** What a snapshot keeps besides files. Descriptors are none of it: they are opened anew, or closed. */
export type KernelState = { cwd: string; elapsedMs: number; random: Uint8Array | undefined }

const STATE_VERSION = 1
const RANDOM_BYTES = 32

export class Kernel {
  readonly files: FileTree
  readonly mounts: MountTable
  readonly clock: Clock
  readonly random: Random
  readonly processes: ProcessTable
  /** Process 1. */
  readonly process: Process

  /** @throws TokaError TOKA_REQUEST_INVALID for mounts or a start date that cannot be, TOKA_LIMIT_FILES */
  constructor(options: KernelOptions) {
    const { port, limits, deterministic, resume } = options
    this.clock = new Clock({
      precise: () => port.preciseClock(),
      ...(options.startMs === undefined ? {} : { startMs: options.startMs }),
      ...(deterministic === undefined ? {} : { virtualStart: deterministic.start }),
    })
    this.clock.advance(resume?.elapsedMs ?? 0)
    this.random = new Random(deterministic?.seed, resume?.random)
    this.files = options.files ?? emptyTree(limits, () => this.clock.stampMs())
    this.files.now = () => this.clock.stampMs()
    this.mounts = new MountTable(options.mounts ?? [])
    for (const path of this.mounts.paths) this.files.putDirectory(path)
    const services: Services = {
      files: this.files,
      mounts: this.mounts,
      clock: this.clock,
      random: this.random,
      port,
      limits,
      tools: encodeValue(options.tools ?? [], { structuredBytes: BORDER.resultBytes, nodes: BORDER.resultNodes }),
    }
    this.processes = new ProcessTable(services, dispatchCall, options.launch)
    this.process = this.processes.create({ ...options.process, cwd: options.process?.cwd ?? resume?.cwd ?? '/' })
  }

  /**
   * The kernel of a forked sandbox: independent files with the same content, the same directory, arguments and
   * environment; a virtual clock goes on from here, a seeded random source gets a seed of its own. No descriptor.
   * @param options as for a new kernel; `files`, `resume` and `process` are this kernel's
   */
  fork(options: Omit<KernelOptions, 'files' | 'resume' | 'process'>): Kernel {
    const { args, env, cwd } = this.process
    return new Kernel({
      ...options,
      files: this.files.fork(options.limits),
      resume: this.#state(),
      process: { args, env, cwd },
    })
  }

  /** Files, working directory, virtual clock and random state as bytes. Moves a seeded random source on. */
  serialize(): Uint8Array {
    const { cwd, elapsedMs, random } = this.#state()
    const all = Number.MAX_SAFE_INTEGER
    return encodeValue([STATE_VERSION, cwd, elapsedMs, random, this.files.serialize()], { structuredBytes: all })
  }

  /**
   * A kernel from serialized bytes, which may be hostile.
   * @throws TokaError TOKA_IMAGE_INVALID for damaged bytes, TOKA_LIMIT_FILES beyond the limits
   */
  static restore(bytes: Uint8Array, options: Omit<KernelOptions, 'files' | 'resume'>): Kernel {
    const { state, files } = readState(bytes)
    return new Kernel({ ...options, files: FileTree.restore(files, options.limits), resume: state })
  }

  /** Ends every process and closes every descriptor. */
  dispose(): void {
    this.processes.dispose()
  }

  #state(): KernelState {
    return { cwd: this.process.cwd, elapsedMs: this.clock.elapsedMs, random: this.random.checkpoint() }
  }
}

function emptyTree(limits: Readonly<Limits>, now: () => number): FileTree {
  const files = new FileTree(limits, now)
  files.putDirectory('/tmp')
  files.markUnchanged()
  return files
}

function readState(bytes: Uint8Array): { state: KernelState; files: Uint8Array } {
  const damaged = new TokaError('TOKA_IMAGE_INVALID', 'the kernel state of the image is damaged')
  let value: unknown
  try {
    value = decodeValue(bytes, { structuredBytes: bytes.length })
  } catch {
    throw damaged
  }
  if (!Array.isArray(value) || value.length !== 5 || value[0] !== STATE_VERSION) throw damaged
  const [, cwd, elapsedMs, random, files] = value as unknown[]
  const isCwd = typeof cwd === 'string' && cwd.startsWith('/') && cwd.length <= BORDER.pathBytes
  const isElapsed = typeof elapsedMs === 'number' && elapsedMs >= 0 && Number.isFinite(elapsedMs)
  const isRandom = random === undefined || (random instanceof Uint8Array && random.length === RANDOM_BYTES)
  if (!isCwd || !isElapsed || !isRandom || !(files instanceof Uint8Array)) throw damaged
  return { state: { cwd, elapsedMs, random }, files }
}
