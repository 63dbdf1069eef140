/** Globals of QuickJS beyond the language. */

declare class DOMException extends Error {
  constructor(message?: string, name?: string)
  readonly code: number
}

declare function atob(text: string): string
declare function btoa(text: string): string
