/** What a request can be: the methods and schemes that grants name, and the one number of both that programs test. */

/** Methods that a request may have: RFC 9110, and PATCH (RFC 5789). CONNECT and TRACE are not among them. */
export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
export const SCHEMES = ['http', 'https'] as const

/** A method and a scheme as one number: `Slot.METHOD`. */
export function methodNumber(method: (typeof METHODS)[number], scheme: (typeof SCHEMES)[number]): number {
  return METHODS.indexOf(method) * 2 + SCHEMES.indexOf(scheme)
}
