/** A guest's function imports in, wasm wrappers out: every call of a guest passes here, and here a guest is killed by a trap. */
import { type BorderImport, encodeBorder } from './border-module.ts'
import { Death, type Guard, guardImport, guardSuspending } from './guard.ts'
import type { Suspension } from './suspension.ts'

export { type BorderImport, PENDING } from './border-module.ts'
export { Death, guardImport, guardSuspending } from './guard.ts'

/** What a guest is linked to. Host functions may throw: the guest dies of it and `onFault` hears. */
export type BorderLink = {
  /** By module and name; i64 is BigInt. */
  host: Readonly<Record<string, Readonly<Record<string, HostFunction>>>>
  /** The fuel is spent: answers a Verdict (0 extend, 1 kill, 2 suspend). Sets the fuel anew when it extends or suspends. */
  callout: () => number
  /** After the answer 2: the guest waits in it. Its promise is awaited only with `suspension`. */
  suspend: () => unknown
  /** The answer that a `mayWait` import is to get, once it is there; only asked with `suspension`. */
  wait?: () => Promise<number>
  /** Hears the position of a constant import that is `told`. */
  tell?: (position: number) => void
  /** JSPI, to link suspending imports with; undefined links them as plain functions. */
  suspension: Suspension | undefined
  /** Hears what a host function threw. */
  onFault: (error: unknown) => void
}

export type HostFunction = (...args: never[]) => unknown

/** A linked border. */
export type Border = {
  /** For the guest: by module and name. */
  imports: Record<string, Record<string, WebAssembly.ExportValue>>
  /** For the guest's callout table: () -> (). */
  callout: WebAssembly.ExportValue
  /** Non-zero kills: the guest traps at its next import, callout or return from one. Zero makes a reset instance live. */
  dead: WebAssembly.Global<'i32'>
  /**
   * Links the CVM's counter, a wasm export (i32 operation) -> i32: non-zero kills, and is left in `dead`. None at
   * first, or after `undefined`: the guest traps at its next import.
   */
  countWith(count: ((operation: number) => number) | undefined): void
}

/** Modules kept compiled: pinned guests have a handful of signatures, so the oldest goes first beyond this number. */
const KEPT_MODULES = 32
const compiled = new Map<string, WebAssembly.Module>()

function signatureOf(imports: readonly BorderImport[]): string {
  return JSON.stringify(
    imports.map(({ module, name, params, results, operation, mayWait, constant }) => [
      ...[module, name, params, results, operation, mayWait],
      constant && [constant.value, constant.told, constant.fatal],
    ]),
  )
}

/**
 * The module for a list of imports, compiled once a process.
 * @throws TokaError TOKA_ENGINE_LOAD for types that cannot cross to JavaScript, or one name with two meanings
 */
export function buildBorder(imports: readonly BorderImport[]): WebAssembly.Module {
  const signature = signatureOf(imports)
  const known = compiled.get(signature)
  if (known) return known
  const module = new WebAssembly.Module(encodeBorder(imports))
  const oldest = compiled.size >= KEPT_MODULES ? compiled.keys().next().value : undefined
  if (oldest !== undefined) compiled.delete(oldest)
  compiled.set(signature, module)
  return module
}

function linkHost(imports: readonly BorderImport[], link: BorderLink, guard: Guard): WebAssembly.Imports {
  const linked: Record<string, Record<string, WebAssembly.ImportValue>> = {}
  for (const { module, name, results, suspends, constant } of imports) {
    if (constant) continue
    const call = link.host[module]?.[name]
    if (!call) throw new TypeError(`the host has no function for ${module}.${name}`)
    const members = (linked[`host:${module}`] ??= {})
    members[name] =
      suspends && link.suspension
        ? link.suspension.suspending(guardSuspending(call, results, guard))
        : guardImport(call, results, guard)
  }
  return linked
}

function noWait(): never {
  throw new TypeError('a guest that cannot be suspended was told to wait')
}

/**
 * Links a border for one guest. No way through it ends in an exception that a guest can catch: a guest whose `dead`
 * is set, whose count refuses, or whose host function throws, traps.
 */
export function instantiateBorder(imports: readonly BorderImport[], link: BorderLink): Border {
  const dead = new WebAssembly.Global({ value: 'i32', mutable: true }, Death.alive)
  const guard: Guard = { dead, onFault: link.onFault }
  const suspend = link.suspension
    ? link.suspension.suspending(guardSuspending(async () => link.suspend(), [], guard))
    : guardImport(link.suspend, [], guard)
  const wait = link.wait ?? noWait
  const border = {
    dead,
    callout: guardImport(link.callout, ['i32'], guard),
    suspend,
    wait: link.suspension
      ? link.suspension.suspending(guardSuspending(wait, ['i32'], guard))
      : guardImport(noWait, ['i32'], guard),
    tell: guardImport(link.tell ?? (() => {}), [], guard),
  }
  const instance = new WebAssembly.Instance(buildBorder(imports), {
    border,
    ...linkHost(imports, link, guard),
  })
  const wrappers: Border['imports'] = {}
  imports.forEach(({ module, name }, index) => {
    const members = (wrappers[module] ??= {})
    members[name] = instance.exports[`i${index}`] as WebAssembly.ExportValue
  })
  const counter = instance.exports.counter as WebAssembly.Table
  return {
    imports: wrappers,
    callout: instance.exports.callout as WebAssembly.ExportValue,
    dead,
    countWith: (count) => counter.set(0, count ?? null),
  }
}
