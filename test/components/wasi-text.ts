/** The text of a component that exports every function of WASI that we have: each goes through the component to our host. */
import { INTERFACES } from '../../engines/component/host/interfaces.ts'
import type { HostFunction } from '../../engines/component/host/definitions.ts'
import type { ResourceType } from '../../engines/component/resource-types.ts'
import { flatSignature, type FunctionType, type WitType } from '../../engines/component/wit-types.ts'

const VERSION = '0.2.0'

function keyOf({ by }: ResourceType): string {
  return by.side === 'host' ? by.key : ''
}

const idOf = (resource: ResourceType): string => `$${keyOf(resource).replace(/[:/]/g, '.')}`

/** A type in text, anonymous all the way down. */
function text(type: WitType): string {
  switch (type.kind) {
    case 'list':
      return `(list ${text(type.element)})`
    case 'record':
      return `(record ${type.fields.map((field) => `(field "${field.label}" ${text(field.type)})`).join(' ')})`
    case 'tuple':
      return `(tuple ${type.fields.map((field) => text(field.type)).join(' ')})`
    case 'flags':
      return `(flags ${type.labels.map(({ label }) => `"${label}"`).join(' ')})`
    case 'enum':
      return `(enum ${type.cases.map(({ label }) => `"${label}"`).join(' ')})`
    case 'option':
      return `(option ${text(type.cases[1]?.type as WitType)})`
    case 'variant':
      return `(variant ${type.cases.map((one) => `(case "${one.label}"${one.type ? ` ${text(one.type)}` : ''})`).join(' ')})`
    case 'result': {
      const [ok, error] = type.cases.map((one) => one.type && text(one.type))
      return `(result${ok ? ` ${ok}` : ''}${error ? ` (error ${error})` : ''})`
    }
    case 'own':
    case 'borrow':
      return `(${type.kind} ${idOf(type.resource)})`
    default:
      return type.kind
  }
}

function resourcesOf(type: WitType | undefined, found: Map<string, ResourceType>): void {
  if (!type?.handles) return
  if (type.kind === 'own' || type.kind === 'borrow') found.set(keyOf(type.resource), type.resource)
  else if (type.kind === 'list') resourcesOf(type.element, found)
  else if ('fields' in type) for (const field of type.fields) resourcesOf(field.type, found)
  else if ('cases' in type) for (const one of type.cases) resourcesOf(one.type, found)
}

const typeOf = ({ params, result, isAsync }: HostFunction): FunctionType => ({
  isAsync,
  params: params.map((type, at) => ({ name: `p${at}`, type })),
  result,
})

function signatureText({ params, result }: FunctionType): string {
  const given = params.map(({ name, type }) => `(param "${name}" ${text(type)})`).join(' ')
  return `${given} ${result ? `(result ${text(result)})` : ''}`
}

/** An interface's functions as imports: resources that are another's come from outside. */
function importText(name: string, functions: Readonly<Record<string, HostFunction>>): string {
  const all = new Map<string, ResourceType>()
  for (const one of Object.values(functions)) for (const type of [...one.params, one.result]) resourcesOf(type, all)
  for (const [key, resource] of allResources()) if (key.startsWith(`${name}/`)) all.set(key, resource)
  const lines = [...all.values()].map((resource) => {
    const isOwn = keyOf(resource).startsWith(`${name}/`)
    return isOwn
      ? `(export "${resource.name}" (type ${idOf(resource)} (sub resource)))`
      : `(alias outer 1 ${idOf(resource)} (type ${idOf(resource)}))`
  })
  const funcs = Object.entries(functions).map(([of, one]) => `(export "${of}" (func ${signatureText(typeOf(one))}))`)
  const aliases = [...all.values()]
    .filter((resource) => keyOf(resource).startsWith(`${name}/`))
    .map((resource) => `(alias export $${name.replace(/[:/]/g, '.')} "${resource.name}" (type ${idOf(resource)}))`)
  const body = [...lines, ...funcs].map((line) => `    ${line}`).join('\n')
  return `  (import "${name}@${VERSION}" (instance $${name.replace(/[:/]/g, '.')}\n${body}))\n  ${aliases.join('\n  ')}`
}

/** Drops what was lent to a core function: handles that it was given, alone or in a list. */
function dropText({ params }: FunctionType): string {
  let at = 0
  return params
    .map(({ type }) => {
      const local = at
      at += type.flat?.length ?? 1
      if (type.kind === 'borrow') return `(call ${idOf(type.resource)} (local.get ${local}))`
      if (type.kind !== 'list' || type.element.kind !== 'borrow') return ''
      const item = `(call ${idOf(type.element.resource)} (i32.load (local.get ${local})))`
      const next = `(local.set ${local} (i32.add (local.get ${local}) (i32.const 4)))`
      const left = `(local.tee ${local + 1} (i32.sub (local.get ${local + 1}) (i32.const 1)))`
      return `(if (local.get ${local + 1}) (then (loop $l ${item} ${next} (br_if $l ${left}))))`
    })
    .join(' ')
}

/** A core function that calls the imported one, and answers where its result lies if that is in memory. */
function coreText(id: string, type: FunctionType): { imported: string; body: string } {
  const lower = flatSignature(type, 'lower')
  const lift = flatSignature(type, 'lift')
  const params = lift.params.length > 0 ? `(param ${lift.params.join(' ')})` : ''
  const lowered = lower.params.length > 0 ? `(param ${lower.params.join(' ')})` : ''
  const results = (flat: readonly string[]) => (flat.length > 0 ? `(result ${flat.join(' ')})` : '')
  const args = lift.params.map((_, at) => `(local.get ${at})`).join(' ')
  const call = lift.indirect ? `(call $${id} ${args} (i32.const 16)) (i32.const 16)` : `(call $${id} ${args})`
  return {
    imported: `(import "host" "${id}" (func $${id} ${lowered} ${results(lower.results)}))`,
    body: `(func (export "${id}") ${params} ${results(lift.results)} (if (i32.gt_u (global.get $next) (i32.const 524288)) (then (global.set $next (i32.const 4096)))) ${call} ${dropText(type)})`,
  }
}

/** Every resource, by its key. */
function allResources(): Map<string, ResourceType> {
  const found = new Map<string, ResourceType>()
  for (const one of Object.values(INTERFACES).flatMap((of) => Object.values(of)))
    for (const type of [...one.params, one.result]) resourcesOf(type, found)
  return found
}

/**
 * A core function that makes one request whole: `fetch(authority) -> list<u8>`, the first bytes of the answer, or the one
 * byte that the error is numbered by. Offsets are those of the canonical layouts of its results.
 */
function fetchText(call: (from: string, name: string) => string, drop: (key: string) => string): string {
  const http = (name: string) => call('wasi:http/types', name)
  const of = (name: string) => drop(`wasi:http/types/${name}`)
  return `(func (export "fetch") (param $at i32) (param $length i32) (result i32)
      (local $request i32) (local $future i32) (local $poll i32) (local $response i32) (local $body i32) (local $stream i32)
      (local.set $request (call ${http('[constructor]outgoing-request')} (call ${http('[constructor]fields')})))
      (drop (call ${http('[method]outgoing-request.set-scheme')} (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
      (drop (call ${http('[method]outgoing-request.set-authority')} (local.get $request) (i32.const 1) (local.get $at) (local.get $length)))
      (call ${call('wasi:http/outgoing-handler', 'handle')} (local.get $request) (i32.const 0) (i32.const 0) (i32.const 64))
      (local.set $future (i32.load (i32.const 72)))
      (local.set $poll (call ${http('[method]future-incoming-response.subscribe')} (local.get $future)))
      (call ${call('wasi:io/poll', '[method]pollable.block')} (local.get $poll))
      (call ${drop('wasi:io/poll/pollable')} (local.get $poll))
      (call ${http('[method]future-incoming-response.get')} (local.get $future) (i32.const 64))
      (call ${of('future-incoming-response')} (local.get $future))
      (if (i32.load8_u (i32.const 80)) (then
        (i32.store (i32.const 16) (i32.const 88)) (i32.store (i32.const 20) (i32.const 1)) (return (i32.const 16))))
      (local.set $response (i32.load (i32.const 88)))
      (call ${http('[method]incoming-response.consume')} (local.get $response) (i32.const 64))
      (local.set $body (i32.load (i32.const 68)))
      (call ${http('[method]incoming-body.stream')} (local.get $body) (i32.const 64))
      (local.set $stream (i32.load (i32.const 68)))
      (call ${call('wasi:io/streams', '[method]input-stream.blocking-read')} (local.get $stream) (i64.const 65536) (i32.const 64))
      (i32.store (i32.const 16) (i32.load (i32.const 68))) (i32.store (i32.const 20) (i32.load (i32.const 72)))
      (call ${drop('wasi:io/streams/input-stream')} (local.get $stream))
      (call ${of('incoming-body')} (local.get $body)) (call ${of('incoming-response')} (local.get $response))
      (i32.const 16))`
}

/** The text of the whole component. */
export function wasiText(): string {
  const order = Object.entries(INTERFACES)
  const functions = order.flatMap(([from, all]) => Object.entries(all).map(([name, one]) => ({ from, name, one })))
  const cores = functions.map(({ one }, at) => coreText(`f${at}`, typeOf(one)))
  const instance = (from: string) => `$${from.replace(/[:/]/g, '.')}`
  const lowers = functions.map(
    ({ from, name }, at) =>
      `  (core func $f${at} (canon lower (func ${instance(from)} "${name}") (memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))))`,
  )
  const call = (from: string, name: string) =>
    `$f${functions.findIndex((one) => one.from === from && one.name === name)}`
  const drop = (key: string) => `$${key.replace(/[:/]/g, '.')}`
  const resources = [...allResources().values()]
  const drops = resources.map((one) => `  (core func $drop.${keyOf(one)} (canon resource.drop ${idOf(one)}))`)
  const lifts = functions.map(({ from, name, one }, at) => {
    const label = `${from}#${name}`.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '')
    return `  (func (export "${label}") ${signatureText(typeOf(one))} (canon lift (core func $i "f${at}") (memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))))`
  })
  return `(component
  ;; Made by wasi-text.ts: every function of WASI that we have, called through a component.
${order.map(([name, all]) => importText(name, all)).join('\n')}
  (core module $memory
    (memory (export "memory") 16)
    (global $next (export "next") (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at)))
  (core instance $mem (instantiate $memory))
${lowers.join('\n')}
${drops.join('\n')}
  (core module $m
    (import "mem" "memory" (memory 16))
${resources.map((one) => `    (import "host" "drop.${keyOf(one)}" (func ${idOf(one)} (param i32)))`).join('\n')}
    (import "mem" "next" (global $next (mut i32)))
${cores.map(({ imported }) => `    ${imported}`).join('\n')}
${cores.map(({ body }) => `    ${body}`).join('\n')}
    ${fetchText(call, drop)})
  (core instance $i (instantiate $m (with "mem" (instance $mem)) (with "host" (instance
${functions.map((_, at) => `    (export "f${at}" (func $f${at}))`).join('\n')}
${resources.map((one) => `    (export "drop.${keyOf(one)}" (func $drop.${keyOf(one)}))`).join('\n')}))))
${lifts.join('\n')}
  (func (export "fetch") (param "authority" string) (result (list u8)) (canon lift (core func $i "fetch") (memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))))
)
`
}
