/** Puts names on the global object the way an engine does: writable, configurable, not enumerable. */
import { defineProperty } from '../primordials.ts'

export function defineHidden(holder: object, name: PropertyKey, value: unknown): void {
  const descriptor = { __proto__: null, value, writable: true, enumerable: false, configurable: true }
  defineProperty(holder, name, descriptor)
}

export function defineGlobals(values: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(values)) defineHidden(globalThis, name, value)
}

/** Gives a class the name that `Object.prototype.toString` shows. */
export function tagClass(constructor: { prototype: object }, tag: string): void {
  defineProperty(constructor.prototype, Symbol.toStringTag, { value: tag, configurable: true })
}

/** A property as an assignment makes it, whatever stands on the prototypes. */
export function defineOpen(holder: object, name: PropertyKey, value: unknown): void {
  const descriptor = { __proto__: null, value, writable: true, enumerable: true, configurable: true }
  defineProperty(holder, name, descriptor)
}
