/** The demo tells the truth: with other data and other grants its output follows. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DemoOptions, type DemoOutcome, runDemo } from '../../examples/demo.ts'
import type { GrantInput } from '../../src/index.ts'

const SECRET = 'TOKA_DEMO_SECRET'
const HEADER = '"icao","iata","name","city","subd","country","elevation","lat","lon","tz","lid"'
let folder = ''
let data = ''
let out = ''

/** Four airports: two a degree apart in Iceland, one in France, one far from all. */
const AIRPORTS = [
  '"AAAA","AAA","Vík, ""the bay""","","","IS",100,64,-20,"Atlantic/Reykjavik",""',
  '"BBBB","","Hill","","","IS",3280.84,64,-21,"Atlantic/Reykjavik",""',
  '"CCCC","CCC","Plain","","","FR",-328.084,48,2,"Europe/Paris",""',
  '"DDDD","DDD","Far","","","FR",0,-21,55,"Indian/Reunion",""',
]
const COUNTRIES = {
  IS: { name: 'Iceland', continentcode: 'EU', population: 400_000, areakm2: 103_000 },
  FR: { name: 'France', continentcode: 'EU', population: 68_000_000, areakm2: 547_030 },
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'toka-demo-'))
  process.env[SECRET] = 'a secret of the test'
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
  delete process.env[SECRET]
})

async function demo(options: Partial<DemoOptions> = {}): Promise<DemoOutcome & { lines: string[] }> {
  data = mkdtempSync(join(folder, 'data-'))
  out = join(data, 'out')
  writeFileSync(join(data, 'airports.csv'), `${[HEADER, ...AIRPORTS].join('\n')}\n`)
  writeFileSync(join(data, 'countries.json'), JSON.stringify(COUNTRIES))
  const lines: string[] = []
  const outcome = await runDemo({ dataDir: data, outDir: out, print: (line) => lines.push(line), ...options })
  return { ...outcome, lines }
}

const table: GrantInput = { resource: 'fs', actions: ['read'], paths: ['/data/airports.csv'] }

describe('the analysis in Python', () => {
  test('follows the data, and its grants', async () => {
    const { results, lines } = await demo()
    expect(results.python).toMatchObject({ status: 'completed', value: {}, denials: [] })
    expect(lines.join('\n')).toContain('airports.py')
    const denied = await demo({ grants: { python: [table] } })
    expect(denied.results.python.error).toMatchObject({ code: 'TOKA_DENIED' })
    expect(denied.results.python.denials).toMatchObject([{ resource: '/data/countries.json' }])
  }, 120_000)
})

describe('the analysis', () => {
  test('follows the data', async () => {
    const { results, saved } = await demo()
    expect(results.airports).toMatchObject({
      status: 'completed',
      value: { airports: 4, countries: 2, remotest: 'Far' },
      denials: [],
    })
    const report = readFileSync(join(out, 'report.md'), 'utf8')
    expect(saved).toContain(join(out, 'report.md'))
    expect(report).toContain('4 airports in 2 countries; 3 have an airline code')
    expect(report).toMatch(/\| Iceland +\| Europe +\| +2 \| +5\.0 \|/)
    expect(report).toContain('- highest: Hill (IS), 1000 m')
    expect(report).toContain('- lowest: Plain (FR), -100 m')
    expect(report).toContain('- northernmost: Vík, "the bay" (IS), 64.00°')
    // 9,308 km by the haversine formula from (-21, 55) to (48, 2).
    expect(report).toContain('- remotest: Far (FR), 9308 km from Plain (FR)')
    expect(results.airports.usage).toMatchObject({ bytesRead: readFileSync(join(data, 'airports.csv')).length })
  })

  test('prints what was handed back and what it used', async () => {
    const { lines, results } = await demo()
    expect(lines.join('\n')).toContain('- highest: Hill (IS), 1000 m')
    expect(lines.join('\n')).toContain(`${results.airports.usage.hostCalls} host calls`)
    expect(lines.join('\n')).not.toContain('\u001b')
  })

  test('fails without the grant to read, and says what would allow it', async () => {
    const { results, lines, saved } = await demo({
      grants: { airports: [{ resource: 'tool', actions: ['call'], names: ['country'] }] },
    })
    expect(results.airports).toMatchObject({
      status: 'failed',
      denials: [{ operation: 'fs.read', resource: '/data/airports.csv' }],
    })
    expect(saved).toEqual([])
    expect(lines.join('\n')).toContain("to allow it, add --allow 'fs.read=/data/**'")
  })

  test('fails without the grant to call the tool', async () => {
    const { results } = await demo({ grants: { airports: [table] } })
    expect(results.airports).toMatchObject({ status: 'failed' })
    expect(results.airports.denials).toContainEqual(
      expect.objectContaining({ operation: 'tool.call', resource: 'country' }),
    )
  })
})

describe('the three tools', () => {
  test('get nothing that was not granted, and each attempt is shown with its rule', async () => {
    const { results, outbox, lines } = await demo()
    const text = lines.join('\n')
    expect(results.nosy.value).toEqual([
      expect.stringMatching(/airports\.csv: got \d+ bytes/),
      '/data/countries.json: EACCES',
      '/data/../../../etc/passwd: ENOENT',
    ])
    expect(text).toContain("--allow 'fs.read=/data/**'")
    expect(outbox).toEqual([])
    expect(results.thief.value).toEqual(['tools.send: TOKA_DENIED'])
    expect(text).toContain("--allow 'tool.call=send'")
    expect(results.vandal.value).toEqual([`process.env.${SECRET}: undefined`, '/data/airports.csv: EACCES'])
    expect(text).toContain(`--allow 'env.read=${SECRET}'`)
    expect(readFileSync(join(data, 'airports.csv'), 'utf8')).toContain('Far')
  })

  test('get what they are granted', async () => {
    const { results, outbox } = await demo({
      mode: 'rw',
      grants: {
        nosy: [{ resource: 'fs', actions: ['read'], paths: ['/data/**'] }],
        thief: [table, { resource: 'tool', actions: ['call'], names: ['send'] }],
        vandal: [
          { resource: 'fs', actions: ['read', 'write'], paths: ['/data/**'] },
          { resource: 'env', actions: ['read'], names: [SECRET] },
        ],
      },
    })
    expect(results.nosy.value).toContainEqual(expect.stringMatching(/countries\.json: got \d+ bytes/))
    expect(results.nosy.value).toContain('/data/../../../etc/passwd: ENOENT')
    expect(outbox).toEqual([{ to: 'mallory@example.com', text: expect.stringContaining('icao') }])
    expect(results.vandal.value).toEqual([
      `process.env.${SECRET}: got 20 characters`,
      '/data/airports.csv: overwritten',
    ])
    expect(readFileSync(join(data, 'airports.csv'), 'utf8')).toBe('nothing is true')
    expect([results.nosy, results.thief, results.vandal].flatMap(({ denials }) => denials)).toEqual([])
  })

  test('cannot write through a read-only mount whatever is granted', async () => {
    const { results } = await demo({
      grants: { vandal: [{ resource: 'fs', actions: ['read', 'write'], paths: ['/data/**'] }] },
    })
    expect(results.vandal.denials).toContainEqual(
      expect.objectContaining({ operation: 'fs.write', reason: 'read-only' }),
    )
    expect(readFileSync(join(data, 'airports.csv'), 'utf8')).toContain('Far')
  })
})

describe('the data set', () => {
  test.each(['airports.csv', 'countries.json'])('%s is what its source page says', async (name) => {
    const at = (file: string) => fileURLToPath(new URL(`../../examples/data/${file}`, import.meta.url))
    const bytes = readFileSync(at(name))
    const digest = Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex')
    const source = readFileSync(at('SOURCE.md'), 'utf8')
    expect(source).toContain(`| sha256 | \`${digest}\` |`)
    expect(source).toContain(`| size | ${bytes.length.toLocaleString('en')} bytes |`)
  })
})
