/**
 * The part of YAML that policy files are written in: text in, plain values out. Block mappings and sequences, flow
 * sequences of scalars, quoted and plain scalars, comments. Whatever else YAML has (anchors, tags, block scalars, flow
 * mappings, several documents, tabs) is refused, and so is a key twice: a policy that is read otherwise than it was meant
 * is worse than one that is not read.
 */
import { GrantError } from './grant-error.ts'

type Line = { indent: number; text: string; number: number }

const BYTES = 262_144

function fail(line: Line, what: string): never {
  throw new GrantError(`line ${line.number}: ${what}`)
}

/** Without a comment, which begins at a `#` behind a space and outside of quotes. */
function withoutComment(text: string): string {
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!
    if (quote === '"' && letter === '\\') at++
    else if (quote !== '') quote = letter === quote ? '' : quote
    else if (letter === '"' || letter === "'") quote = letter
    else if (letter === '#' && (at === 0 || text[at - 1] === ' ')) return text.slice(0, at)
  }
  return text
}

function readLines(text: string): Line[] {
  if (text.length > BYTES) throw new GrantError(`the file is longer than ${BYTES} characters`)
  const lines = text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .map((raw, index) => {
      const kept = withoutComment(raw).trimEnd()
      const rest = kept.replace(/^ +/, '')
      return { indent: kept.length - rest.length, text: rest, number: index + 1 }
    })
    .filter((line) => line.text !== '')
  const [first, ...others] = lines
  const second = others.find(beginsDocument)
  if (second) fail(second, 'a second document begins')
  const indented = lines.find((line) => line.text.startsWith('\t'))
  if (indented) fail(indented, 'a tab cannot indent')
  return first && beginsDocument(first) ? others : lines
}

function beginsDocument({ indent, text }: Line): boolean {
  return indent === 0 && text === '---'
}

function unquoted(text: string, line: Line): string {
  if (text.startsWith("'")) {
    if (!/^'(?:[^']|'')*'$/.test(text)) fail(line, 'a quote does not end')
    return text.slice(1, -1).replaceAll("''", "'")
  }
  try {
    return JSON.parse(text) as string
  } catch {
    return fail(line, 'a quoted text is malformed')
  }
}

function scalar(text: string, line: Line): unknown {
  if (text.startsWith('"') || text.startsWith("'")) return unquoted(text, line)
  if (/^[[\]{}&*!|>%@`]/.test(text) || /[:#] |:$/.test(text))
    fail(line, `${JSON.stringify(text.slice(0, 40))} is not read here: put it in quotes`)
  if (text === 'true' || text === 'false') return text === 'true'
  if (text === 'null' || text === '~') return null
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text) ? Number(text) : text
}

/** One item of a list in brackets, with the comma behind it. */
const ITEM = /\s*(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,"'\s][^,]*?)\s*(?:,|$)/g

/** `[a, "b"]` */
function flowSequence(text: string, line: Line): unknown[] {
  if (!text.endsWith(']')) fail(line, 'a list in brackets must end on its line')
  const inside = text.slice(1, -1).trim()
  const items = inside.match(ITEM) ?? []
  if (items.join('') !== inside) fail(line, 'a list in brackets is malformed')
  return items.map((item) => scalar(item.replace(/,$/, '').trim(), line))
}

const KEY = /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'[\]{}&*!|>%@`#,-][^:#]*?)\s*:(?: +(.*))?$/

class Reader {
  readonly #lines: Line[]
  #at = 0

  constructor(text: string) {
    this.#lines = readLines(text)
  }

  read(): unknown {
    const value = this.#lines.length === 0 ? null : this.#block(this.#lines[0]!.indent, 0)
    const left = this.#lines[this.#at]
    if (left) fail(left, 'it is indented as nothing before it')
    return value
  }

  #block(indent: number, depth: number): unknown {
    const line = this.#lines[this.#at]!
    if (depth > 16) fail(line, 'it is too deep')
    if (line.text === '-' || line.text.startsWith('- ')) return this.#sequence(indent, depth)
    return KEY.test(line.text) ? this.#mapping(indent, depth) : this.#single(line)
  }

  #single(line: Line): unknown {
    this.#at++
    return this.#inline(line.text, line)
  }

  #inline(text: string, line: Line): unknown {
    return text.startsWith('[') ? flowSequence(text, line) : scalar(text, line)
  }

  #sequence(indent: number, depth: number): unknown[] {
    const items: unknown[] = []
    for (
      let line = this.#lines[this.#at];
      line?.indent === indent && /^-(?: |$)/.test(line.text);
      line = this.#lines[this.#at]
    ) {
      const rest = line.text.slice(1).trimStart()
      if (rest === '') {
        this.#at++
        items.push(this.#nested(indent, depth))
        continue
      }
      // What follows the dash is the first line of the item, indented as far as it stands.
      const inner = indent + line.text.length - rest.length
      this.#lines[this.#at] = { ...line, indent: inner, text: rest }
      items.push(this.#block(inner, depth + 1))
    }
    return items
  }

  #mapping(indent: number, depth: number): Record<string, unknown> {
    const entries = new Map<string, unknown>()
    for (let line = this.#lines[this.#at]; line?.indent === indent; line = this.#lines[this.#at]) {
      const [, rawKey, value] = KEY.exec(line.text) ?? []
      if (rawKey === undefined) fail(line, 'a name and a colon are expected')
      const key = /^["']/.test(rawKey) ? unquoted(rawKey, line) : rawKey
      if (entries.has(key)) fail(line, `${JSON.stringify(key)} is there twice`)
      this.#at++
      entries.set(key, value === undefined ? this.#nested(indent, depth) : this.#inline(value, line))
    }
    return Object.fromEntries(entries)
  }

  /** What is indented further; a sequence may stand where its name does. */
  #nested(indent: number, depth: number): unknown {
    const next = this.#lines[this.#at]
    if (!next) return null
    const isSequence = next.indent === indent && /^-(?: |$)/.test(next.text)
    return next.indent > indent || isSequence ? this.#block(next.indent, depth + 1) : null
  }
}

/** @throws GrantError naming the line */
export function parseYaml(text: string): unknown {
  return new Reader(text).read()
}
