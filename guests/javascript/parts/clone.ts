/** `structuredClone` of core-js, without touching the realm's own built-ins. */
import structuredClone from 'core-js-pure/actual/structured-clone'

export { structuredClone }

// core-js has taken its table of shared things: what a guest puts there would be taken for its own.
Reflect.deleteProperty(globalThis, '__core-js_shared__')
