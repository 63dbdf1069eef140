/** The text of a component that exports every function of WASI that we have: each goes through the component to our host. */
import { flatSignature } from '../../engines/component/flat-signature.ts'
import type { HostFunction, HostInterface } from '../../engines/component/host/definitions.ts'
import type { ResourceType } from '../../engines/component/resource-types.ts'
import type { FunctionType, WitType } from '../../engines/component/wit-types.ts'

function keyOf({ by }: ResourceType): string {
  return by.side === 'host' ? by.key : ''
}

type Interfaces = Readonly<Record<string, HostInterface>>

/** What a text has beside the functions, made with the names by which core functions are called and handles dropped. */
export type Extra = (
  call: (from: string, name: string) => string,
  drop: (key: string) => string,
) => {
  /** Definitions in front of the core module. */
  definitions: string
  /** Core functions that they make: name and imported type. */
  imports: readonly (readonly [name: string, type: string])[]
  /** Core functions of the module. */
  functions: string
  /** Exports of the component: what `MEMORY` stands for is filled in. */
  lifts: string
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
    case 'stream':
    case 'future':
      return `(${type.kind}${type.element ? ` ${text(type.element)}` : ''})`
    default:
      return type.kind
  }
}

function resourcesOf(type: WitType | undefined, found: Map<string, ResourceType>): void {
  if (!type?.handles) return
  if (type.kind === 'own' || type.kind === 'borrow') found.set(keyOf(type.resource), type.resource)
  else if ('element' in type) resourcesOf(type.element, found)
  else if ('fields' in type) for (const field of type.fields) resourcesOf(field.type, found)
  else if ('cases' in type) for (const one of type.cases) resourcesOf(one.type, found)
}

const typeOf = ({ params, result, isAsync }: HostFunction): FunctionType => ({
  isAsync,
  params: params.map((type, at) => ({ name: `p${at}`, type })),
  result,
})

function signatureText({ isAsync, params, result }: FunctionType): string {
  const given = params.map(({ name, type }) => `(param "${name}" ${text(type)})`).join(' ')
  return `${isAsync ? 'async ' : ''}${given} ${result ? `(result ${text(result)})` : ''}`
}

/** An interface's functions as imports: resources that are another's come from outside. */
function importText(all: Interfaces, version: string, name: string, functions: HostInterface): string {
  const used = new Map<string, ResourceType>()
  for (const one of Object.values(functions)) for (const type of [...one.params, one.result]) resourcesOf(type, used)
  for (const [key, resource] of allResources(all)) if (key.startsWith(`${name}/`)) used.set(key, resource)
  const lines = [...used.values()].map((resource) => {
    const isOwn = keyOf(resource).startsWith(`${name}/`)
    return isOwn
      ? `(export "${resource.name}" (type ${idOf(resource)} (sub resource)))`
      : `(alias outer 1 ${idOf(resource)} (type ${idOf(resource)}))`
  })
  const funcs = Object.entries(functions).map(([of, one]) => `(export "${of}" (func ${signatureText(typeOf(one))}))`)
  const aliases = [...used.values()]
    .filter((resource) => keyOf(resource).startsWith(`${name}/`))
    .map((resource) => `(alias export $${name.replace(/[:/]/g, '.')} "${resource.name}" (type ${idOf(resource)}))`)
  const body = [...lines, ...funcs].map((line) => `    ${line}`).join('\n')
  return `  (import "${name}@${version}" (instance $${name.replace(/[:/]/g, '.')}\n${body}))\n  ${aliases.join('\n  ')}`
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
function allResources(all: Interfaces): Map<string, ResourceType> {
  const found = new Map<string, ResourceType>()
  for (const one of Object.values(all).flatMap((of) => Object.values(of)))
    for (const type of [...one.params, one.result]) resourcesOf(type, found)
  return found
}

const MEMORY = '(memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))'

/** The text of the whole component. */
export function wasiText(interfaces: Interfaces, version: string, extra: Extra): string {
  const order = Object.entries(interfaces)
  const functions = order.flatMap(([from, all]) => Object.entries(all).map(([name, one]) => ({ from, name, one })))
  const cores = functions.map(({ one }, at) => coreText(`f${at}`, typeOf(one)))
  const instance = (from: string) => `$${from.replace(/[:/]/g, '.')}`
  const lowers = functions.map(
    ({ from, name }, at) => `  (core func $f${at} (canon lower (func ${instance(from)} "${name}") ${MEMORY}))`,
  )
  const call = (from: string, name: string) =>
    `$f${functions.findIndex((one) => one.from === from && one.name === name)}`
  const drop = (key: string) => `$${key.replace(/[:/]/g, '.')}`
  const resources = [...allResources(interfaces).values()]
  const drops = resources.map((one) => `  (core func $drop.${keyOf(one)} (canon resource.drop ${idOf(one)}))`)
  const callable = functions
    .map((one, at) => ({ ...one, at }))
    .filter(({ one }) => ![...one.params, one.result].some((type) => type?.channels))
  const more = extra(call, drop)
  const lifts = callable.map(({ from, name, one, at }) => {
    const label = `${from}#${name}`.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '')
    return `  (func (export "${label}") ${signatureText(typeOf(one))} (canon lift (core func $i "f${at}") ${MEMORY}))`
  })
  return `(component
  ;; Made by wasi-text.ts: every function of WASI that we have, called through a component.
${order.map(([name, all]) => importText(interfaces, version, name, all)).join('\n')}
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
${more.definitions}
  (core module $m
    (import "mem" "memory" (memory 16))
${resources.map((one) => `    (import "host" "drop.${keyOf(one)}" (func ${idOf(one)} (param i32)))`).join('\n')}
    (import "mem" "next" (global $next (mut i32)))
${more.imports.map(([name, type]) => `    (import "host" "${name}" (func $${name} ${type}))`).join('\n')}
${cores.map(({ imported }) => `    ${imported}`).join('\n')}
${cores.map(({ body }) => `    ${body}`).join('\n')}
    ${more.functions})
  (core instance $i (instantiate $m (with "mem" (instance $mem)) (with "host" (instance
${functions.map((_, at) => `    (export "f${at}" (func $f${at}))`).join('\n')}
${more.imports.map(([name]) => `    (export "${name}" (func $${name}))`).join('\n')}
${resources.map((one) => `    (export "drop.${keyOf(one)}" (func $drop.${keyOf(one)}))`).join('\n')}))))
${lifts.join('\n')}
${more.lifts.replaceAll('MEMORY', MEMORY)}
)
`
}
