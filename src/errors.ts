/** What can go wrong, as one closed union of codes: the caller's mistakes are thrown, a guest's failures are results. */

/** Every stable error code. The part after `TOKA_` names the area, then the fact. */
export type TokaErrorCode =
  // The caller or the host did something wrong: thrown.
  | 'TOKA_REQUEST_INVALID' // a field of a request, a tool or an option has the wrong shape; the message names it
  | 'TOKA_REQUEST_LANGUAGE' // no engine for this language
  | 'TOKA_GRANT_INVALID' // a grant with an unknown field, kind or pattern
  | 'TOKA_MOUNT_MISSING' // a mount's source does not exist or is not a directory
  | 'TOKA_MOUNT_UNSUPPORTED' // this runtime cannot mount such a source
  | 'TOKA_TOOL_INVALID' // a tool's definition is not usable (schema that is not an object, name taken)
  | 'TOKA_ENGINE_MISSING' // an optional package is not installed; the message names the install command
  | 'TOKA_ENGINE_LOAD' // an engine's wasm is missing, has another hash, or does not compile
  | 'TOKA_IMAGE_INVALID' // image bytes of an unknown version, a wrong hash, or damaged
  | 'TOKA_PACKAGE_INVALID' // a wheel whose name, archive or metadata is not what it must be
  | 'TOKA_PACKAGE_BINARY' // a wheel with machine code: only pure ones can be used
  | 'TOKA_PACKAGE_LOCK' // a lock file that is none, or that has no wheel for a package
  | 'TOKA_PACKAGE_HASH' // a wheel whose bytes are not those of the lock
  | 'TOKA_PACKAGE_MISSING' // a wheel that the lock names is not there, or no image has the packages of a request
  | 'TOKA_SNAPSHOT_INVALID' // bytes that are no snapshot, or were changed
  | 'TOKA_SNAPSHOT_TRUNCATED' // the end of a snapshot is missing
  | 'TOKA_SNAPSHOT_KEY' // a snapshot made with another key, or without one in another process
  | 'TOKA_SNAPSHOT_VERSION' // a snapshot of another format or loader
  | 'TOKA_SNAPSHOT_ENGINE' // a snapshot of another engine, or of another version or start image of it
  | 'TOKA_SNAPSHOT_MACHINE' // a snapshot made on a machine that computes otherwise
  | 'TOKA_TOKEN_INVALID' // a token that is malformed, expired, revoked, for someone else, or not narrower than its parent
  | 'TOKA_TOKEN_KEYS' // keys are missing, damaged, or may not do what was asked
  | 'TOKA_TOKEN_REVOKED' // a token was revoked while a run used it: in `RunResult.error`
  | 'TOKA_CALLER_INVALID' // a caller's JWT does not authenticate it
  | 'TOKA_AUDIT_INVALID' // an audit log that was changed, cut or is not one
  | 'TOKA_AUDIT_BUSY' // an audit log that another process writes
  | 'TOKA_SANDBOX_BUSY' // asked not to wait while a run is in progress
  | 'TOKA_SANDBOX_CLOSED' // used after dispose
  | 'TOKA_HOST_MEMORY' // the host has no memory, or no addresses, for another sandbox: fewer at once
  | 'TOKA_RUNTIME_UNSUPPORTED' // this runtime lacks what the call needs; the message says what
  | 'TOKA_INTERNAL' // a fault of ours
  // The guest failed: in `RunResult.error`.
  | 'TOKA_GUEST_SYNTAX' // the source does not parse
  | 'TOKA_GUEST_ERROR' // an uncaught error
  | 'TOKA_GUEST_UNSETTLED' // the guest awaits something that can never happen
  | 'TOKA_GUEST_TRAP' // the guest's instance trapped (its heap is gone)
  | 'TOKA_VALUE_UNSUPPORTED' // a value cannot cross the border; the message holds its path
  | 'TOKA_VALUE_SIZE' // a value is too large, too deep or has too many nodes
  | 'TOKA_OUTPUT_INVALID' // the result does not match `output`
  | 'TOKA_DENIED' // refused by the gate
  | 'TOKA_TOOL_FAILED' // a host tool threw
  | 'TOKA_TOOL_INPUT' // a tool's arguments do not match its schema
  | 'TOKA_TOOL_OUTPUT' // a tool's result does not match its schema
  | 'TOKA_TOOL_UNKNOWN' // no tool of this name
  | 'TOKA_CALL_BLOCKING' // a blocking call of an asynchronous tool where the runtime cannot suspend a guest
  | 'TOKA_NET_FAILED' // a request could not be made, or its connection broke
  | 'TOKA_NET_TIMEOUT' // a request's host did not answer in time
  | 'TOKA_NET_SIZE' // a body, or headers, larger than they may be
  | 'TOKA_LIMIT_TIME'
  | 'TOKA_LIMIT_FUEL'
  | 'TOKA_LIMIT_MEMORY'
  | 'TOKA_LIMIT_STACK'
  | 'TOKA_LIMIT_OUTPUT'
  | 'TOKA_LIMIT_FILES'
  | 'TOKA_LIMIT_CALLS'
  | 'TOKA_CANCELLED'
  | 'TOKA_INTERRUPTED'

/** Longest message that an error carries, in UTF-16 units: an error text is no channel for data. */
export const MESSAGE_LIMIT = 2_000

/** The one error class of the library. `code` is stable; `message` says what to do. */
export class TokaError extends Error {
  override readonly name = 'TokaError'
  readonly code: TokaErrorCode

  constructor(code: TokaErrorCode, message: string, options?: ErrorOptions) {
    super(message.length > MESSAGE_LIMIT ? `${message.slice(0, MESSAGE_LIMIT)}…` : message, options)
    this.code = code
  }
}

/** What a guest may meet, and die of: the codes of errors that the host has made inside it. */
const MET_BY_GUESTS: ReadonlySet<unknown> = new Set<TokaErrorCode>([
  'TOKA_DENIED',
  'TOKA_TOOL_FAILED',
  'TOKA_TOOL_INPUT',
  'TOKA_TOOL_OUTPUT',
  'TOKA_TOOL_UNKNOWN',
  'TOKA_NET_FAILED',
  'TOKA_NET_TIMEOUT',
  'TOKA_NET_SIZE',
  'TOKA_CALL_BLOCKING',
  'TOKA_VALUE_UNSUPPORTED',
  'TOKA_VALUE_SIZE',
])

/**
 * The code of a run that ended by an error of the guest's. A guest can throw anything: only codes that it may meet count,
 * and of a denial the gate's own record has the last word (sandbox/report.ts).
 * @param code what the guest's error says; EACCES is how files say that they are denied
 */
export function codeOfUncaught(code: unknown): TokaErrorCode {
  if (code === 'EACCES') return 'TOKA_DENIED'
  return MET_BY_GUESTS.has(code) ? (code as TokaErrorCode) : 'TOKA_GUEST_ERROR'
}
