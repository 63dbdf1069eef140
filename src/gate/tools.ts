/** A guest's call of a host tool: decided by name, charged for its bytes, aborted with its sandbox. */
import { predicateBits } from '../../capabilities/arguments.ts'
import type { Predicate } from '../../capabilities/assembler.ts'
import { GuestFacingError, type MaybePromise } from '../kernel/host-port.ts'
import { decodeValue } from '../kernel/values.ts'
import { askApproved } from './approval.ts'
import { refusedBy } from './argument-refusal.ts'
import type { Ask, Calls, GateLimits, Permit } from './calls.ts'
import type { Slots } from './cvm.ts'
import type { Drivers } from './drivers.ts'
import { mapMaybe } from './maybe.ts'

/** Bytes that the encoding adds to a string or bytes of the largest size. */
const ENCODING_BYTES = 64
/** UTF-16 units of a tool's name in an error. */
const SHOWN = 64

/** `predicates` and `approvals` are the program's. */
type Parts = {
  calls: Calls
  drivers: Drivers
  limits: GateLimits
  predicates: readonly Predicate[]
  approvals: boolean
}

/** Rejects a result that is larger than a result may be, or than the quota still held. */
function checkResult(result: Uint8Array, most: number, reserved: number): Uint8Array {
  if (result.length > most)
    throw new GuestFacingError(
      'TOKA_VALUE_SIZE',
      `the tool's result has ${result.length} bytes; at most ${most} are allowed`,
    )
  if (result.length > reserved)
    throw new GuestFacingError('TOKA_DENIED', "the tool's result is larger than what is left of the quota")
  return result
}

/** What grants look at of a call's arguments: which predicates hold. One that cannot be read satisfies none. */
function lookAt({ predicates, limits }: Parts, input: Uint8Array): { slots: Slots } & Pick<Ask, 'refusedBy'> {
  if (predicates.length === 0) return { slots: {} }
  let value: unknown
  try {
    value = decodeValue(input, limits)
  } catch {
    value = undefined
  }
  return {
    slots: { last: predicateBits(value, predicates) },
    refusedBy: (reasonWith) => refusedBy(value, predicates, reasonWith),
  }
}

function refusal(calls: Calls, name: string): GuestFacingError {
  const shown = JSON.stringify(name.slice(0, SHOWN).toWellFormed())
  if (calls.cvm.stopped === 'calls')
    return new GuestFacingError('TOKA_LIMIT_CALLS', 'the limit of host calls is reached')
  return new GuestFacingError('TOKA_DENIED', `the tool ${shown} is not allowed here`)
}

/**
 * Calls a tool with an encoded argument.
 * @throws GuestFacingError TOKA_DENIED, TOKA_LIMIT_CALLS, TOKA_VALUE_SIZE or what the tool answers, also as rejection
 */
export function callTool(parts: Parts, name: string, input: Uint8Array, signal: AbortSignal): MaybePromise<Uint8Array> {
  const most = Math.max(parts.limits.flatBytes, parts.limits.structuredBytes) + ENCODING_BYTES
  // A copy: what the driver gets cannot change any more.
  const argument = input.slice()
  const ask: Ask & { slots: Slots } = {
    operation: 'tool.call',
    name,
    want: argument.length + most,
    least: argument.length,
    ...lookAt(parts, argument),
  }
  const permit = askApproved(parts, ask, { resource: name, input: argument }, signal)
  return mapMaybe(permit, (allowed) => perform(parts, name, argument, allowed, most, signal))
}

function perform(
  { calls, drivers }: Parts,
  name: string,
  argument: Uint8Array,
  permit: Permit | undefined,
  most: number,
  signal: AbortSignal,
): MaybePromise<Uint8Array> {
  if (!permit) throw refusal(calls, name)
  if (argument.length > most) {
    calls.cancel(permit)
    throw new GuestFacingError(
      'TOKA_VALUE_SIZE',
      `the tool's argument has ${argument.length} bytes; at most ${most} are allowed`,
    )
  }
  const stop = new AbortController()
  return calls.perform({
    permits: [permit],
    signal,
    refused: () => refusal(calls, name),
    act: () =>
      mapMaybe(drivers.callTool(permit.name, argument, stop.signal), (result) =>
        checkResult(result, most, permit.amount - argument.length),
      ),
    moved: (result) => argument.length + (result?.length ?? 0),
    cancel: () => stop.abort(),
  })
}
