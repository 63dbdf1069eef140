/** Rows of data in, the box drawing of `console.table` out. */
import { inspect } from 'node-inspect-extracted'

const INDEX = '(index)'
const VALUES = 'Values'

const show = (value: unknown): string =>
  inspect(value, { maxArrayLength: 3, breakLength: Number.POSITIVE_INFINITY, depth: 1 })

/** Characters as a terminal counts them, near enough: one a code point. */
const width = (text: string): number => [...text].length

function entriesOf(data: object): [string, unknown][] {
  if (data instanceof Map) return [...data].map(([key, value], index) => [String(index), { Key: key, [VALUES]: value }])
  if (data instanceof Set) return [...data].map((value, index) => [String(index), value])
  return Object.entries(data)
}

/** @returns the table, without a line end */
export function renderTable(data: object, columns?: string[]): string {
  const names: string[] = [...(columns ?? [])]
  let plain = false
  const rows = entriesOf(data).map(([index, row]) => {
    const cells = new Map<string, string>([[INDEX, index]])
    if (typeof row !== 'object' || row === null) {
      plain = true
      return cells.set(VALUES, show(row))
    }
    for (const [name, value] of Object.entries(row)) {
      if (columns === undefined && !names.includes(name)) names.push(name)
      if (names.includes(name)) cells.set(name, show(value))
    }
    return cells
  })
  const heads = [
    INDEX,
    ...names.filter((name) => name !== VALUES),
    ...(plain || names.includes(VALUES) ? [VALUES] : []),
  ]
  const widths = heads.map((head) => Math.max(width(head), ...rows.map((row) => width(row.get(head) ?? ''))) + 2)
  const rule = (left: string, middle: string, right: string) =>
    left + widths.map((size) => '─'.repeat(size)).join(middle) + right
  const line = (cells: string[]) =>
    `│${cells.map((cell, at) => ` ${cell}${' '.repeat((widths[at] as number) - width(cell) - 1)}`).join('│')}│`
  const body = rows.map((row) => line(heads.map((head) => row.get(head) ?? '')))
  return [rule('┌', '┬', '┐'), line(heads), rule('├', '┼', '┤'), ...body, rule('└', '┴', '┘')].join('\n')
}
