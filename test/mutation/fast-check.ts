/** fast-check for mutants: a case that fails is not made smaller, because nobody reads it. */
import fc from '../../node_modules/fast-check/lib/fast-check.js'

// The overloads of `assert` differ in what they answer, which is passed on as it is.
const assert = ((property: never, parameters?: object) =>
  fc.assert(property, { ...parameters, endOnFailure: true })) as typeof fc.assert

export * from '../../node_modules/fast-check/lib/fast-check.js'
export default { ...fc, assert }
