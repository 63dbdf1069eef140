/** wasi:http of WASI 0.3, as a client: requests over the network that a component is granted, bodies as streams. */
import { channel, list, option, primitive, result, tuple, variant, type WitType } from '../../wit-types.ts'
import type { Readable } from '../../tasks/channel.ts'
import {
  asynchronous,
  err,
  func,
  type HostFunction,
  type HostInterface,
  ok,
  type Result,
  type World,
} from '../definitions.ts'
import { http } from '../http.ts'
import type { Fields } from '../http-fields.ts'
import * as types from '../http-types.ts'
import { bytesStream } from './cli.ts'
import { Request, RequestOptions, Response } from './http-messages.ts'

const string = primitive('string')
const u64 = primitive('u64')
const pair = tuple([string, types.fieldValue])
const { fields, httpError } = types

const other = ['other', option(string)] as const
const headerError = variant([
  ['invalid-syntax', undefined],
  ['forbidden', undefined],
  ['immutable', undefined],
  ['size-exceeded', undefined],
  other,
])
const optionsError = variant([['not-supported', undefined], ['immutable', undefined], other])

const before = http['wasi:http/types'] as HostInterface
const named = (name: string): HostFunction => before[name] as HostFunction

/** One whose errors may be more by now. */
function widened(name: string): [string, HostFunction] {
  const old = named(name)
  const [done] = old.result?.kind === 'result' ? old.result.cases : []
  return [name, { ...old, result: result(done?.type, headerError) }]
}

const onFields: HostInterface = {
  ...Object.fromEntries(
    ['[constructor]fields', '[method]fields.get', '[method]fields.has', '[method]fields.clone'].map((name) => [
      name,
      named(name),
    ]),
  ),
  ...Object.fromEntries(
    ['[static]fields.from-list', '[method]fields.set', '[method]fields.delete', '[method]fields.append'].map(widened),
  ),
  '[method]fields.get-and-delete': func(
    [fields.borrow, string],
    result(list(types.fieldValue), headerError),
    (_, on: Fields, name: string): Result => {
      const values = on.get(name)
      const changed = on.change(name, [], false)
      return changed.tag === 'err' ? changed : ok(values)
    },
  ),
  '[method]fields.copy-all': func([fields.borrow], list(pair), (_, on: Fields) => on.entries),
}

const sent = channel('future', result(undefined, httpError))
const trailers = channel('future', result(option(fields.own), httpError))
const content = option(bytesStream)
const consumed = tuple([bytesStream, trailers])

function accessors<T>(
  self: WitType,
  resource: string,
  parts: readonly (readonly [string, WitType, get: (on: T) => unknown, set: (on: T, to: never) => boolean])[],
): HostInterface {
  return Object.fromEntries(
    parts.flatMap(([label, type, get, set]) => [
      [`[method]${resource}.get-${label}`, func([self], type, (_, on: T) => get(on))],
      [
        `[method]${resource}.set-${label}`,
        func([self, type], result(), (_, on: T, to: never) => (set(on, to) ? ok() : err())),
      ],
    ]),
  )
}

const request = types.request.borrow

const onRequests: HostInterface = {
  '[static]request.new': func(
    [fields.own, content, trailers, option(types.requestOptions.own)],
    tuple([types.request.own, sent]),
    (
      world: World,
      headers: Fields,
      contents: Readable | undefined,
      last: Readable,
      options: RequestOptions | undefined,
    ) => {
      const made = new Request(world, headers, { contents, trailers: last }, options)
      return [made, made.sent]
    },
  ),
  ...accessors<Request>(request, 'request', [
    ['method', types.method, (on) => on.parts.method, (on, to) => on.parts.setMethod(to)],
    ['path-with-query', option(string), (on) => on.parts.path, (on, to) => on.parts.setPath(to)],
    ['scheme', option(types.scheme), (on) => on.parts.scheme, (on, to) => on.parts.setScheme(to)],
    ['authority', option(string), (on) => on.parts.authority, (on, to) => on.parts.setAuthority(to)],
  ]),
  '[method]request.get-options': func([request], option(types.requestOptions.own), (_, on: Request) =>
    on.options?.copy(true),
  ),
  '[method]request.get-headers': func([request], fields.own, (_, on: Request) => on.parts.headers),
  '[static]request.consume-body': func(
    [types.request.own, sent],
    consumed,
    (world: World, on: Request, done: Readable) => {
      done.drop()
      return on.consume(world)
    },
  ),
}

function time(label: string): [string, HostFunction][] {
  const on = types.requestOptions.borrow
  return [
    [
      `[method]request-options.get-${label}`,
      func([on], option(u64), (_, options: RequestOptions) => options.times.get(label)),
    ],
    [
      `[method]request-options.set-${label}`,
      func([on, option(u64)], result(undefined, optionsError), (_, options: RequestOptions, to: bigint | undefined) => {
        if (options.isFixed) return err({ tag: 'immutable' })
        options.times.set(label, to)
        return ok()
      }),
    ],
  ]
}

const onOptions: HostInterface = {
  '[constructor]request-options': func([], types.requestOptions.own, () => new RequestOptions()),
  ...Object.fromEntries(['connect-timeout', 'first-byte-timeout', 'between-bytes-timeout'].flatMap(time)),
  '[method]request-options.clone': func(
    [types.requestOptions.borrow],
    types.requestOptions.own,
    (_, options: RequestOptions) => options.copy(false),
  ),
}

const response = types.response.borrow

const onResponses: HostInterface = {
  '[static]response.new': func(
    [fields.own, content, trailers],
    tuple([types.response.own, sent]),
    (world: World, headers: Fields, contents: Readable | undefined, last: Readable) => {
      const made = Response.made(world, headers, { contents, trailers: last })
      return [made, made.sent]
    },
  ),
  '[method]response.get-status-code': func([response], primitive('u16'), (_, on: Response) => on.status),
  '[method]response.set-status-code': func([response, primitive('u16')], result(), (_, on: Response, to: number) => {
    // RFC 9110, section 15: a first digit from 1 to 5.
    if (to < 100 || to > 599) return err()
    on.status = to
    return ok()
  }),
  '[method]response.get-headers': func([response], fields.own, (_, on: Response) => on.headers),
  '[static]response.consume-body': func(
    [types.response.own, sent],
    consumed,
    (world: World, on: Response, done: Readable) => {
      done.drop()
      return on.consume(world)
    },
  ),
}

const send: HostFunction = {
  ...asynchronous([types.request.own], result(types.response.own, httpError), (world: World, on: Request) =>
    on.send(world),
  ),
  cancels: true,
}

export const http3: Readonly<Record<string, HostInterface>> = {
  'wasi:http/types': { ...onFields, ...onRequests, ...onOptions, ...onResponses },
  'wasi:http/client': { send },
  'wasi:http/handler': { handle: send },
}
