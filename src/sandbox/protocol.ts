/** Every message between the embedding thread and a worker, in both directions, with the check that each must pass. */
import { CONSOLE_LEVELS, DISPLAY_FORMS, PROGRESS_UNITS } from '../kernel/shown.ts'
import { BORDER } from '../limits.ts'
import {
  amount,
  anything,
  bytes,
  type Check,
  type Checked,
  count,
  either,
  fields,
  flag,
  instance,
  list,
  matching,
  oneOf,
  optional,
  record,
  shared,
  text,
} from './checks.ts'
import { MAILBOX_HEADER } from './mailbox.ts'
import { CELL_BYTES } from './run-cell.ts'

/** What nothing of ours exceeds: limits of their own are checked where they are known. */
const MUCH = 2 ** 31
const MANY = 2 ** 20

const code = matching(/^TOKA_[A-Z_]{1,40}$/)
const content = either(text(MUCH), bytes(MUCH))
/** A path of the host, a directory handle, or files by value: the worker's own `openMount` checks it. */
const mount = fields({ at: text(BORDER.pathBytes), from: anything, mode: oneOf('ro', 'rw') })

const image = fields({
  engine: text(100),
  engineVersion: text(100),
  engineHash: text(100),
  loaderVersion: count,
  architectureClass: text(100),
  name: text(100),
  module: instance(WebAssembly.Module),
  moduleBytes: bytes(MUCH),
  layout: anything,
  state: anything,
  files: optional(bytes(MUCH)),
})

const language = oneOf('javascript', 'typescript', 'python', 'wasm')
const metering = oneOf('fast', 'exact')

const options = fields({
  language,
  files: optional(record(content, MANY)),
  mounts: optional(list(mount, MANY)),
  env: optional(record(text(MUCH), MANY)),
  deterministic: optional(fields({ seed: text(MUCH), start: text(100) })),
  priority: optional(oneOf('low', 'normal', 'high')),
  metering: optional(metering),
})

const tool = fields({
  name: text(64),
  description: text(MUCH),
  readOnly: flag,
  input: anything,
  output: optional(anything),
})

const policy = fields({
  program: fields({
    code: bytes(MUCH),
    pool: bytes(MUCH),
    cells: list(fields({ kind: oneOf('calls', 'bytes', 'rate', 'alive', 'clean'), initial: amount }), MANY),
    /** What arguments must be, as JSON. */
    predicates: text(MUCH),
    approvals: flag,
  }),
  account: fields({ holders: count, cells: list(count, MANY), own: list(count, MANY) }),
})

const order = fields({
  source: optional(text(MUCH)),
  file: optional(text(MUCH)),
  input: optional(bytes(MUCH)),
  call: optional(text(MUCH)),
  args: optional(list(text(MUCH), MANY)),
  stdin: optional(content),
  collect: optional(list(text(MUCH), MANY)),
  limits: optional(fields({ timeoutMs: optional(amount), fuel: optional(amount), outputBytes: optional(amount) })),
})

const TO_WORKER = {
  /** First: the memory of the ledger, and whether guests may be suspended. */
  init: fields({ kind: oneOf('init'), ledger: instance(WebAssembly.Memory), suspension: flag }),
  /** An image, once, before the first sandbox that starts from it. */
  image: fields({ kind: oneOf('image'), image: count, content: image }),
  open: fields({
    kind: oneOf('open'),
    sandbox: count,
    image: count,
    options,
    limits: record(amount, 100),
    tools: list(tool, MANY),
    policy,
    /** The content of a snapshot to go on from, made from the image. */
    snapshot: optional(bytes(MUCH)),
    /** Whether `trace` messages are wanted. */
    trace: flag,
  }),
  fork: fields({ kind: oneOf('fork'), sandbox: count, twin: count }),
  snapshot: fields({ kind: oneOf('snapshot'), sandbox: count }),
  dispose: fields({ kind: oneOf('dispose'), sandbox: count }),
  /** There is no room for a sandbox elsewhere: let go of what only waits. */
  room: fields({ kind: oneOf('room') }),
  run: fields({
    kind: oneOf('run'),
    sandbox: count,
    run: count,
    cell: shared(CELL_BYTES),
    order,
    /** Whether `output` and `events` messages are wanted, and whether stdin is pulled. */
    output: flag,
    events: flag,
    streams: flag,
  }),
  cancel: fields({ kind: oneOf('cancel'), run: count }),
  /** Mail was put into mailboxes of a run: for a thread that does not wait for it. */
  mail: fields({ kind: oneOf('mail'), run: count }),
  /** Of a `call` without a mailbox: the encoded result, or the encoded error. */
  answer: fields({ kind: oneOf('answer'), call: count, failed: flag, payload: bytes(MUCH) }),
  /** Of a `pull` without one: what has arrived; nothing at the end. */
  input: fields({ kind: oneOf('input'), run: count, chunk: optional(bytes(MUCH)), failed: flag }),
}

const denial = fields({
  operation: text(32),
  resource: text(MUCH),
  reason: text(32),
  method: optional(text(32)),
  argument: optional(fields({ name: text(256), expected: text(256) })),
  link: count,
  allow: text(MUCH),
})

const guestEvent = either(
  either(
    fields({ type: oneOf('stdout', 'stderr'), bytes: bytes(MUCH) }),
    fields({ type: oneOf('console'), level: oneOf(...CONSOLE_LEVELS), bytes: bytes(MUCH) }),
  ),
  either(
    fields({ type: oneOf('progress'), fraction: optional(amount), message: optional(text(PROGRESS_UNITS)) }),
    either(
      fields({ type: oneOf('display'), data: record(content, DISPLAY_FORMS) }),
      fields({ type: oneOf('denial'), denial }),
    ),
  ),
)

const outcome = fields({
  status: oneOf('completed', 'failed', 'limit', 'cancelled', 'interrupted'),
  value: optional(bytes(BORDER.resultBytes + 64)),
  exitCode: count,
  stdout: text(MUCH),
  stderr: text(MUCH),
  truncated: fields({ stdout: flag, stderr: flag }),
  files: record(bytes(MUCH), MANY),
  error: optional(
    fields({ code, message: text(4_000), guestStack: optional(text(20_000)), grant: optional(text(MUCH)) }),
  ),
  usage: fields({
    wallMs: amount,
    cpuMs: amount,
    fuel: amount,
    metering,
    memoryBytes: amount,
    hostCalls: amount,
    bytesRead: amount,
    bytesWritten: amount,
    outputBytes: amount,
  }),
  denials: list(denial, BORDER.denials),
  audit: fields({ records: count, head: matching(/^[0-9a-f]{64}$/) }),
})

const event = fields({
  operation: text(32),
  resource: text(MUCH),
  verdict: oneOf('allowed', 'denied'),
  reason: optional(text(32)),
  microseconds: amount,
})

const FROM_WORKER = {
  /** The answer to `init`. */
  ready: fields({ kind: oneOf('ready') }),
  /** The answers to `open` and `fork`, by the new sandbox's number; `refused` of `snapshot` too. */
  opened: fields({ kind: oneOf('opened'), sandbox: count }),
  refused: fields({ kind: oneOf('refused'), sandbox: count, code, message: text(4_000) }),
  /** The answer to `snapshot`. */
  snapshotted: fields({ kind: oneOf('snapshotted'), sandbox: count, content: bytes(MUCH) }),
  disposed: fields({ kind: oneOf('disposed'), sandbox: count }),
  /** The answers to `run`. */
  result: fields({ kind: oneOf('result'), run: count, outcome }),
  failed: fields({ kind: oneOf('failed'), run: count, code, message: text(4_000) }),
  /** A host tool, for a run; with a mailbox the answer is put into it. */
  call: fields({
    kind: oneOf('call'),
    run: count,
    call: count,
    tool: text(BORDER.nameBytes),
    input: bytes(MUCH),
    mailbox: optional(shared(MAILBOX_HEADER)),
  }),
  /** More of stdin. */
  pull: fields({ kind: oneOf('pull'), run: count, mailbox: optional(shared(MAILBOX_HEADER)) }),
  output: fields({ kind: oneOf('output'), run: count, stream: oneOf('stdout', 'stderr'), bytes: bytes(MUCH) }),
  /** What happens, for a stream: never more at once than a queue holds. */
  events: fields({ kind: oneOf('events'), run: count, events: list(guestEvent, MANY) }),
  trace: fields({ kind: oneOf('trace'), sandbox: count, event }),
}

type Table = Readonly<Record<string, Check<unknown>>>
type Messages<T extends Table> = { [K in keyof T]: Checked<T[K]> }[keyof T]

export type ToWorker = Messages<typeof TO_WORKER>
export type FromWorker = Messages<typeof FROM_WORKER>
/** The message of one kind. */
export type MessageOf<M extends { kind: string }, K extends M['kind']> = Extract<M, { kind: K }>

function read<T extends Table>(table: T, message: unknown): Messages<T> | undefined {
  const kind: unknown =
    typeof message === 'object' && message !== null ? (message as { kind?: unknown }).kind : undefined
  if (typeof kind !== 'string' || !Object.hasOwn(table, kind)) return undefined
  return table[kind]?.(message) ? (message as Messages<T>) : undefined
}

/** A message for a worker, or undefined when it is none. */
export const readToWorker = (message: unknown): ToWorker | undefined => read(TO_WORKER, message)
/** A message of a worker, or undefined when it is none. */
export const readFromWorker = (message: unknown): FromWorker | undefined => read(FROM_WORKER, message)
