/** What became of tests in, the table of docs/python.md out. */
import type { Told } from './run-module.ts'

export type Row = { module: string; told: Told; seconds: number }

const count = ({ told }: Row, kind: string): number => [...told.values()].filter((one) => one.kind === kind).length

/** The reasons of skipped tests in a few words, the most frequent first. */
function reasonsOf(rows: readonly Row[]): string[] {
  const counts = new Map<string, number>()
  for (const { told } of rows) {
    for (const { kind, reason } of told.values()) {
      if (kind === 'skipped') counts.set(reason, (counts.get(reason) ?? 0) + 1)
    }
  }
  return [...counts].toSorted(([, a], [, b]) => b - a).map(([reason, times]) => `${times} × ${reason}`)
}

/** Passed of those that were not skipped. */
export function shareOf(rows: readonly Row[]): number {
  const passed = rows.reduce((sum, row) => sum + count(row, 'passed'), 0)
  const failed = rows.reduce((sum, row) => sum + count(row, 'failed'), 0)
  return passed + failed === 0 ? 0 : passed / (passed + failed)
}

const percent = (share: number): string => `${(Math.floor(share * 1_000) / 10).toFixed(1)} %`
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replace(/\s+/g, ' ')

/** The table as Markdown, with what failed and why tests were skipped behind it. */
export function tableOf(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const [passed, failed, skipped] = ['passed', 'failed', 'skipped'].map((kind) => count(row, kind))
    return `| ${row.module} | ${passed} | ${failed} | ${skipped} | ${percent(shareOf([row]))} |`
  })
  const sums = ['passed', 'failed', 'skipped'].map((kind) => rows.reduce((sum, row) => sum + count(row, kind), 0))
  const failures = rows.flatMap(({ told }) =>
    [...told]
      .filter(([, { kind }]) => kind === 'failed')
      .map(([test, { reason }]) => `| ${cell(test.replace(/^test\./, ''))} | ${cell(reason.slice(-200))} |`),
  )
  return [
    '| module | passed | failed | skipped | of those not skipped |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...lines,
    `| **all** | ${sums.join(' | ')} | **${percent(shareOf(rows))}** |`,
    '',
    'What failed:',
    '',
    '| test | how |',
    '| --- | --- |',
    ...failures,
    '',
    `Skipped, by the reason that the test or its sandbox gave: ${reasonsOf(rows).map(cell).join('; ')}.`,
  ].join('\n')
}
