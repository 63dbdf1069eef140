/** A guest's text on its way to a person's terminal: colours pass, every other control sequence is made visible. */

const ESC = 0x1b
const NEWLINE = 0x0a
const TAB = 0x09
const RETURN = 0x0d
/** First byte of the UTF-8 form of C1 controls (U+0080 to U+009F), which some terminals obey as well. */
const C1_LEAD = 0xc2
/** Longest colour sequence that is held back until its end is seen, in bytes. */
const SEQUENCE_LIMIT = 64

const utf8 = new TextEncoder()

/** The picture of a control character: `␛` for escape, `␇` for bell, `\x9b` for a C1 control. */
function picture(code: number): string {
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  if (code === 0x7f) return '␡'
  return `\\x${code.toString(16)}`
}

/**
 * One stream's filter: an untrusted program must not retitle a window, fill a clipboard, move the cursor over what
 * the host said, or answer in its place. Line feeds, tabs, carriage returns and colours (SGR) pass.
 * A sequence may be cut anywhere between two chunks: an unfinished one waits for the next chunk.
 */
export class TerminalFilter {
  #held: number[] = []

  /** @returns the bytes that may be written now */
  push(chunk: Uint8Array): Uint8Array {
    const out: number[] = []
    for (const byte of chunk) this.#take(byte, out)
    return Uint8Array.from(out)
  }

  /** What is left of an unfinished sequence, made visible. */
  end(): Uint8Array {
    const out: number[] = []
    this.#spill(out)
    return Uint8Array.from(out)
  }

  #take(byte: number, out: number[]): void {
    const held = this.#held
    if (held.length === 0) {
      if (byte === ESC || byte === C1_LEAD) held.push(byte)
      else plain(byte, out)
      return
    }
    if (held[0] === C1_LEAD) {
      this.#held = []
      if (byte >= 0x80 && byte <= 0x9f) out.push(...utf8.encode(picture(byte)))
      else {
        out.push(C1_LEAD)
        this.#take(byte, out)
      }
      return
    }
    const parameter = (byte >= 0x30 && byte <= 0x39) || byte === 0x3b || byte === 0x3a
    if (held.length === 1 ? byte === 0x5b : parameter && held.length < SEQUENCE_LIMIT) {
      held.push(byte)
    } else if (held.length > 1 && byte === 0x6d) {
      out.push(...held, byte)
      this.#held = []
    } else {
      this.#spill(out)
      this.#take(byte, out)
    }
  }

  #spill(out: number[]): void {
    for (const byte of this.#held) {
      if (byte === ESC) out.push(...utf8.encode(picture(ESC)))
      else out.push(byte)
    }
    this.#held = []
  }
}

function plain(byte: number, out: number[]): void {
  const control = (byte < 0x20 && byte !== NEWLINE && byte !== TAB && byte !== RETURN) || byte === 0x7f
  if (control) out.push(...utf8.encode(picture(byte)))
  else out.push(byte)
}

/** A guest's short text (a message, a path) for one of our own lines: no control character is left, newlines only where wanted. */
export function visible(text: string, keepNewlines = false): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    if (character === '\n' && keepNewlines) return character
    const code = character.charCodeAt(0)
    return code > 0x9f ? `\\u${code.toString(16)}` : picture(code)
  })
}
