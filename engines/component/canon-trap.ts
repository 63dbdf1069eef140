/** What a guest dies of when it breaks a rule of the component model: said by us, never catchable by it. */

/** A trap of the canonical ABI. Thrown by an import it kills the guest at the border, by a wasm trap. */
export class CanonTrap extends Error {
  override readonly name = 'CanonTrap'
}
