/** wasi:http, outgoing: requests over the network that a component is granted. */
import { list, option, primitive, result, tuple, type WitType } from '../wit-types.ts'
import {
  type Act,
  err,
  func,
  type HostFunction,
  type HostInterface,
  ok,
  type Result,
  type World,
} from './definitions.ts'
import type { OutgoingBody } from './http-body.ts'
import { Fields } from './http-fields.ts'
import { FutureResponse, OutgoingRequest } from './http-request.ts'
import { FutureTrailers, type IncomingBody, type IncomingResponse } from './http-response.ts'
import * as types from './http-types.ts'
import { inputStream, ioError, outputStream, pollable } from './io.ts'
import type { Pollable } from './pollable.ts'
import type { StreamFailure } from './streams.ts'

const string = primitive('string')
const u64 = primitive('u64')
const done = result()
const name = string
const value = types.fieldValue
const pair = tuple([name, value])
const { fields, headerError } = types

const onFields: HostInterface = {
  '[constructor]fields': func([], fields.own, ({ held }: World) => new Fields(held)),
  '[static]fields.from-list': func(
    [list(pair)],
    result(fields.own, headerError),
    ({ held }: World, entries: readonly (readonly [string, Uint8Array])[]): Result => {
      const made = new Fields(held)
      for (const [one, content] of entries) {
        const changed = made.change(one, [content], true)
        if (changed.tag === 'err') return changed
      }
      return ok(made)
    },
  ),
  '[method]fields.get': func([fields.borrow, name], list(value), (_, on: Fields, one: string) => on.get(one)),
  '[method]fields.has': func(
    [fields.borrow, name],
    primitive('bool'),
    (_, on: Fields, one: string) => on.get(one).length > 0,
  ),
  '[method]fields.set': func(
    [fields.borrow, name, list(value)],
    result(undefined, headerError),
    (_, on: Fields, one: string, values: readonly Uint8Array[]) => on.change(one, values, false),
  ),
  '[method]fields.delete': func([fields.borrow, name], result(undefined, headerError), (_, on: Fields, one: string) =>
    on.change(one, [], false),
  ),
  '[method]fields.append': func(
    [fields.borrow, name, value],
    result(undefined, headerError),
    (_, on: Fields, one: string, content: Uint8Array) => on.change(one, [content], true),
  ),
  '[method]fields.entries': func([fields.borrow], list(pair), (_, on: Fields) => on.entries),
  '[method]fields.clone': func(
    [fields.borrow],
    fields.own,
    ({ held }: World, on: Fields) => new Fields(held, on.entries),
  ),
}

const request = types.outgoingRequest.borrow

/** A part of a request that can be read and set. */
function part(
  label: string,
  type: WitType,
  get: (on: OutgoingRequest) => unknown,
  set: (on: OutgoingRequest, to: never) => boolean,
): HostInterface {
  const assign: Act = (_world: World, on: OutgoingRequest, to: never) => (set(on, to) ? ok() : err())
  return {
    [`[method]outgoing-request.${label}`]: func([request], type, (_, on: OutgoingRequest) => get(on)),
    [`[method]outgoing-request.set-${label}`]: func([request, type], done, assign),
  }
}

/** A thing that is taken once. */
function once(taken: object | undefined): Result {
  return taken ? ok(taken) : err()
}

const onRequests: HostInterface = {
  '[constructor]outgoing-request': func(
    [fields.own],
    types.outgoingRequest.own,
    ({ held }: World, headers: Fields) => new OutgoingRequest(held, headers),
  ),
  '[method]outgoing-request.body': func(
    [request],
    result(types.outgoingBody.own),
    (world: World, on: OutgoingRequest): Result => once(on.takeBody(world)),
  ),
  ...part(
    'method',
    types.method,
    (on) => on.method,
    (on, to: types.Named) => on.setMethod(to),
  ),
  ...part(
    'path-with-query',
    option(string),
    (on) => on.path,
    (on, to: string | undefined) => on.setPath(to),
  ),
  ...part(
    'scheme',
    option(types.scheme),
    (on) => on.scheme,
    (on, to: types.Named | undefined) => on.setScheme(to),
  ),
  ...part(
    'authority',
    option(string),
    (on) => on.authority,
    (on, to: string | undefined) => on.setAuthority(to),
  ),
  '[method]outgoing-request.headers': func([request], fields.own, (_, on: OutgoingRequest) => on.headers),
  '[method]outgoing-body.write': func([types.outgoingBody.borrow], result(outputStream.own), (_, on: OutgoingBody) =>
    once(on.stream()),
  ),
  '[static]outgoing-body.finish': func(
    [types.outgoingBody.own, option(fields.own)],
    result(undefined, types.httpError),
    (_, on: OutgoingBody, trailers: Fields | undefined): Result => {
      if (trailers && trailers.entries.length > 0) {
        on.close()
        return err({ tag: 'HTTP-request-trailer-section-size' })
      }
      const failure = on.finish()
      return failure ? err(failure) : ok()
    },
  ),
}

/** Times that a program asks for: kept, and the sandbox's own hold. */
class RequestOptions {
  readonly times = new Map<string, bigint | undefined>()
}

function time(label: string): Record<string, HostFunction> {
  const on = types.requestOptions.borrow
  return {
    [`[method]request-options.${label}`]: func([on], option(u64), (_, options: RequestOptions) =>
      options.times.get(label),
    ),
    [`[method]request-options.set-${label}`]: func(
      [on, option(u64)],
      done,
      (_, options: RequestOptions, duration: bigint | undefined) => {
        options.times.set(label, duration)
        return ok()
      },
    ),
  }
}

function subscription(on: Pollable): Pollable {
  return { ready: () => on.ready(), wait: () => on.wait() }
}

const response = types.incomingResponse.borrow
const answered = option(result(result(types.incomingResponse.own, types.httpError)))
const trailed = option(result(result(option(fields.own), types.httpError)))

const onAnswers: HostInterface = {
  '[constructor]request-options': func([], types.requestOptions.own, () => new RequestOptions()),
  ...time('connect-timeout'),
  ...time('first-byte-timeout'),
  ...time('between-bytes-timeout'),
  '[method]future-incoming-response.subscribe': func(
    [types.futureResponse.borrow],
    pollable.own,
    (_, on: FutureResponse) => subscription(on),
  ),
  '[method]future-incoming-response.get': func([types.futureResponse.borrow], answered, (_, on: FutureResponse) =>
    on.get(),
  ),
  '[method]incoming-response.status': func([response], primitive('u16'), (_, on: IncomingResponse) => on.status),
  '[method]incoming-response.headers': func([response], fields.own, (_, on: IncomingResponse) => on.headers),
  '[method]incoming-response.consume': func([response], result(types.incomingBody.own), (_, on: IncomingResponse) =>
    once(on.consume()),
  ),
  '[method]incoming-body.stream': func([types.incomingBody.borrow], result(inputStream.own), (_, on: IncomingBody) =>
    once(on.stream()),
  ),
  '[static]incoming-body.finish': func([types.incomingBody.own], types.futureTrailers.own, (_, on: IncomingBody) => {
    on.close()
    return new FutureTrailers()
  }),
  '[method]future-trailers.subscribe': func([types.futureTrailers.borrow], pollable.own, (_, on: FutureTrailers) =>
    subscription(on),
  ),
  '[method]future-trailers.get': func([types.futureTrailers.borrow], trailed, (_, on: FutureTrailers) => on.get()),
  'http-error-code': func([ioError.borrow], option(types.httpError), (_, failure: StreamFailure) =>
    types.httpErrorOf(failure.error),
  ),
}

export const http: Readonly<Record<string, HostInterface>> = {
  'wasi:http/types': { ...onFields, ...onRequests, ...onAnswers },
  'wasi:http/outgoing-handler': {
    handle: func(
      [types.outgoingRequest.own, option(types.requestOptions.own)],
      result(types.futureResponse.own, types.httpError),
      (world: World, on: OutgoingRequest): Result => {
        const exchange = on.exchange(world.process)
        if (!exchange) return err({ tag: 'HTTP-request-URI-invalid' })
        return ok(new FutureResponse(world.held, exchange, on.body ?? on.emptyBody(world)))
      },
    ),
  },
}
