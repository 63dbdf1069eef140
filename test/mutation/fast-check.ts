/** fast-check for mutants: a case that fails is not made smaller, because nobody reads it. */
import fc from '../../node_modules/fast-check/lib/fast-check.js'

const assert: typeof fc.assert = (property, parameters) => fc.assert(property, { ...parameters, endOnFailure: true })

export * from '../../node_modules/fast-check/lib/fast-check.js'
export default { ...fc, assert }
