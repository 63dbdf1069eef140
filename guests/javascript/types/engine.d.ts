/** Globals of QuickJS beyond the language. */

declare class DOMException extends Error {
  constructor(message?: string, name?: string)
  readonly code: number
}
