/** What a request can be: the methods and schemes that grants name, and the one number of both that programs test. */

/** Methods that a request may have: RFC 9110, and PATCH (RFC 5789). CONNECT and TRACE are not among them. */
export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
export const SCHEMES = ['http', 'https'] as const

/** Added to the number of a request whose address is not of the public internet: only grants that name networks take those. */
export const SPECIAL_ADDRESS = 32

/** A method and a scheme as one number: `Slot.METHOD`. */
export function methodNumber(method: (typeof METHODS)[number], scheme: (typeof SCHEMES)[number]): number {
  return METHODS.indexOf(method) * 2 + SCHEMES.indexOf(scheme)
}

/** The method of such a number. */
export function methodOfNumber(number: number): (typeof METHODS)[number] | undefined {
  return METHODS[(number % SPECIAL_ADDRESS) >> 1]
}
