/** Draws the measured curves of `bench/results/load.json` as SVG into docs/charts: `npm run bench:charts`. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import type { Measure } from './measure.ts'

type Point = { x: number; y: number }
type Line = { label: string; points: readonly Point[] }
type Chart = { file: string; title: string; across: string; up: string; lines: readonly Line[] }

const WIDTH = 720
const HEIGHT = 360
const LEFT = 70
const RIGHT = 200
const TOP = 44
const BOTTOM = 52
/** Readable on white and on black. */
const COLOURS = ['#3b82f6', '#d97706', '#16a34a']

/** Rows whose name holds one number, as points of a curve. */
function curve(rows: readonly Measure[], label: string, name: RegExp): Line {
  const points = rows.flatMap(({ name: text, median, unit }) => {
    const x = name.exec(text)?.[1]
    return x === undefined ? [] : [{ x: Number(x), y: unit === 'us' ? median / 1_000 : median }]
  })
  if (points.length < 2) throw new Error(`${label}: no curve of ${name} in the results`)
  return { label, points: points.sort((a, b) => a.x - b.x) }
}

/** Whole powers of ten around the values. */
function decades(values: readonly number[]): number[] {
  const first = Math.floor(Math.log10(Math.min(...values)))
  const last = Math.max(Math.ceil(Math.log10(Math.max(...values))), first + 1)
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index))
}

const plain = (value: number): string => value.toLocaleString('en', { maximumSignificantDigits: 2 })

function draw({ title, across, up, lines }: Chart): string {
  const points = lines.flatMap((line) => line.points)
  const [columns, rows] = [decades(points.map(({ x }) => x)), decades(points.map(({ y }) => y))]
  const place = (value: number, ticks: readonly number[], from: number, to: number): number => {
    const [first, last] = [Math.log10(ticks[0] ?? 1), Math.log10(ticks.at(-1) ?? 1)]
    return from + ((Math.log10(value) - first) / (last - first)) * (to - from)
  }
  const x = (value: number): string => place(value, columns, LEFT, WIDTH - RIGHT).toFixed(1)
  const y = (value: number): string => place(value, rows, HEIGHT - BOTTOM, TOP).toFixed(1)
  const text = (left: number | string, top: number | string, anchor: string, content: string, more = ''): string =>
    `<text x="${left}" y="${top}" text-anchor="${anchor}" ${more}>${content}</text>`
  const grid = [
    ...columns.map((tick) => `<line x1="${x(tick)}" x2="${x(tick)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/>`),
    ...rows.map((tick) => `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(tick)}" y2="${y(tick)}"/>`),
  ]
  const labels = [
    text(LEFT, 24, 'start', title, 'font-weight="bold" font-size="15"'),
    ...columns.map((tick) => text(x(tick), HEIGHT - BOTTOM + 18, 'middle', plain(tick))),
    ...rows.map((tick) => text(LEFT - 8, Number(y(tick)) + 4, 'end', plain(tick))),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, 'middle', across),
    text(18, HEIGHT / 2, 'middle', up, `transform="rotate(-90 18 ${HEIGHT / 2})"`),
  ]
  const curves = lines.flatMap(({ label, points: line }, index) => {
    const colour = COLOURS[index] ?? '#888'
    const last = line.at(-1) as Point
    return [
      `<polyline fill="none" stroke="${colour}" stroke-width="2.5" points="${line.map((point) => `${x(point.x)},${y(point.y)}`).join(' ')}"/>`,
      ...line.map((point) => `<circle cx="${x(point.x)}" cy="${y(point.y)}" r="3.5" fill="${colour}"/>`),
      `<g fill="${colour}">${text(WIDTH - RIGHT + 10, Number(y(last.y)) + 4, 'start', label)}</g>`,
    ]
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#888">`,
    `<title>${title}</title>`,
    `<g stroke="#888" stroke-opacity="0.25">${grid.join('')}</g>`,
    ...labels,
    ...curves,
    '</svg>\n',
  ].join('\n')
}

const source = new URL('results/load.json', import.meta.url)
const { rows } = JSON.parse(await readFile(source, 'utf8')) as { rows: Measure[] }
const charts: readonly Chart[] = [
  {
    file: 'sandboxes.svg',
    title: 'Cost of each of so many sandboxes',
    across: 'live sandboxes',
    up: 'milliseconds',
    lines: [
      curve(rows, 'opening one', /^opening (\d+) sandboxes/),
      curve(rows, '1+1, all at once', /^1\+1 in (\d+) open/),
    ],
  },
  {
    file: 'calls.svg',
    title: 'Cost of each host call of a run',
    across: 'host calls in the run',
    up: 'milliseconds',
    lines: [curve(rows, 'one call', /^(\d+) host calls/)],
  },
  {
    file: 'lag.svg',
    title: 'The host’s event loop beside hostile guests',
    across: 'endless loops running',
    up: 'milliseconds',
    lines: [
      curve(rows, 'worst of a second', /^worst lag in a second: (\d+) hostile/),
      curve(rows, 'median', /^lag: (\d+) hostile/),
    ],
  },
]
const folder = new URL('../docs/charts/', import.meta.url)
await mkdir(folder, { recursive: true })
for (const chart of charts) await writeFile(new URL(chart.file, folder), draw(chart))
