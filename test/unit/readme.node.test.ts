/** README.md does what it says: every block of code is run, and what it prints is compared with what stands below it. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { skipReasons } from '../skip-reasons.ts'

type Block = { language: string; code: string; expected: string | undefined }

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (name: string) => readFileSync(join(root, name), 'utf8')
/** Blocks of TypeScript find the packages `toka` and `zod` only from inside the project. */
const folder = join(root, '.toka', `readme-${process.pid}`)
const flags = ['--conditions=toka-source', '--disable-warning=ExperimentalWarning']
/** `await using` came with V8 13.4: Node 24. */
const hasAwaitUsing = Number(process.versions.node.split('.')[0]) >= 24

/** What the scripts of package.json run, on this Node and from the sources. */
const scripts: Record<string, string> = {
  'npm run -s toka --': `"${process.execPath}" ${flags.join(' ')} src/cli/toka.ts`,
  'npm start': `"${process.execPath}" ${flags.join(' ')} examples/demo.ts`,
}

function blocksOf(markdown: string): Block[] {
  const fences = [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', code = '']) => ({
    language,
    code,
  }))
  return fences.flatMap(({ language, code }, index) => {
    if (language === 'text') return []
    const next = fences[index + 1]
    return [{ language, code, expected: next?.language === 'text' ? next.code : undefined }]
  })
}

/** Runs a block; what it prints, stderr after stdout. */
async function printed({ language, code }: Block, index: number): Promise<string> {
  const exec = promisify(execFile)
  const environment = { ...process.env, NO_COLOR: '1' }
  if (language === 'ts') {
    const path = join(folder, `block-${index}.ts`)
    writeFileSync(path, code)
    const { stdout, stderr } = await exec(process.execPath, [...flags, path], { cwd: root, env: environment })
    return stdout + stderr
  }
  const script = Object.entries(scripts).reduce((text, [name, command]) => text.replaceAll(name, command), code)
  const { stdout, stderr } = await exec('sh', ['-c', script], { cwd: root, env: environment })
  return stdout + stderr
}

/** The text as a pattern: `…` stands for any text of one line. */
function patternOf(expected: string): RegExp {
  const escaped = expected.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${escaped.join('.*')}$`)
}

const blocks = blocksOf(read('README.md'))

beforeAll(() => mkdirSync(folder, { recursive: true }))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('there are blocks of both kinds, and each kind is known', () => {
  expect(new Set(blocks.map(({ language }) => language))).toEqual(new Set(['ts', 'sh']))
  expect(blocks.length).toBeGreaterThan(8)
})

describe('each block of README.md prints what stands below it', () => {
  test.for(blocks.map((block, index) => [index, block.code.split('\n')[0], block] as const))(
    'block %i: %s',
    // Python's image is made at its first use.
    { timeout: 180_000 },
    async ([index, , block], { skip }) => {
      skip(block.code.includes('await using') && !hasAwaitUsing, skipReasons.noPlatformFeature)
      const output = await printed(block, index)
      if (block.expected !== undefined) expect(output).toMatch(patternOf(block.expected))
    },
  )
})

test('the first example is examples/first.ts', () => {
  const code = (text: string) => text.slice(text.indexOf('import '))
  expect(blocks.map((block) => block.code)).toContain(code(read('examples/first.ts')))
})

test.each(['README.md', 'SECURITY.md', 'docs/README.md', 'docs/architecture.md', 'docs/writing-an-engine.md'])(
  'every link of %s to a file or a heading leads somewhere',
  (name) => {
    const headings = (markdown: string) =>
      [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
        title
          .toLowerCase()
          .replace(/[^\w\- ]/g, '')
          .replaceAll(' ', '-'),
      )
    for (const [, target = ''] of read(name).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? name : join(dirname(name), path)
      expect(existsSync(join(root, file)), `${name} links to ${target}`).toBe(true)
      if (anchor) expect(headings(read(file)), `${name} links to ${target}`).toContain(anchor)
    }
  },
)

test('every test that SECURITY.md names is there', () => {
  const named = [...read('SECURITY.md').matchAll(/test\/[\w./-]+\.ts/g)].map(([path]) => path)
  expect(named.length).toBeGreaterThan(8)
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([])
})
