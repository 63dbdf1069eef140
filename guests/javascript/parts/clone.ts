/** `structuredClone` of core-js, without touching the realm's own built-ins. */
import structuredClone from 'core-js-pure/actual/structured-clone'

export { structuredClone }
