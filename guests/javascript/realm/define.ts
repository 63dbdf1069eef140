/** Puts names on the global object the way an engine does: writable, configurable, not enumerable. */
import { defineProperty, getOwnPropertyDescriptor } from '../primordials.ts'

export function defineHidden(holder: object, name: PropertyKey, value: unknown): void {
  const descriptor = { __proto__: null, value, writable: true, enumerable: false, configurable: true }
  defineProperty(holder, name, descriptor)
}

export function defineGlobals(values: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(values)) defineHidden(globalThis, name, value)
}

/**
 * A global that is made when it is first asked for, and an ordinary one from then on. While it is made there is none:
 * libraries look whether the realm has their global already. A program that assigns it before never makes ours.
 */
export function defineLate(name: string, make: () => unknown): void {
  const methods = {
    get [name](): unknown {
      defineHidden(globalThis, name, undefined)
      let value: unknown
      try {
        value = make()
      } catch (error) {
        defineProperty(globalThis, name, accessor)
        throw error
      }
      defineHidden(globalThis, name, value)
      return value
    },
    set [name](value: unknown) {
      defineHidden(globalThis, name, value)
    },
  }
  const { get, set } = getOwnPropertyDescriptor(methods, name) as PropertyDescriptor
  const accessor = { __proto__: null, get, set, enumerable: false, configurable: true } as PropertyDescriptor
  defineProperty(globalThis, name, accessor)
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
