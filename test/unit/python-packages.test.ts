/** Packages of a request: the image that has them all is chosen, its guests find them, and others do not. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createToka, type Toka } from '../../src/index.ts'
import { decodePackages, encodePackages } from '../../src/packages/package-image.ts'
import { preparePython } from '../python.ts'

preparePython()

const utf8 = new TextEncoder()
const about = (name: string, version: string) => ({ name, version, wheel: `${name}.whl`, sha256: '0'.repeat(64) })

async function imageOf(packages: readonly ReturnType<typeof about>[], files: Record<string, string>) {
  const contents = new Map(Object.entries(files).map(([path, text]) => [path, utf8.encode(text)]))
  return decodePackages((await encodePackages(packages, contents)).bytes)
}

let toka: Toka
beforeAll(async () => {
  const small = await imageOf([about('greet', '1.0')], {
    'greet/__init__.py': "from greet.words import word\ndef hi(name): return f'{word} {name}'",
    'greet/words.py': "word = 'Hello'",
    'greet/data.txt': 'beside the code',
  })
  const large = await imageOf([about('greet', '2.0'), about('other-thing', '3')], {
    'greet.py': "def hi(name): return f'Hi {name}'",
    'other_thing.py': 'x = 3',
  })
  toka = await createToka({ packageImages: [large, small] })
})
afterAll(() => toka.dispose())

const run = async (source: string, packages?: string[]) =>
  toka.run({ language: 'python', source, ...(packages ? { packages } : {}) })

test('the smallest image that has all of them is chosen, and files beside the code are there', async () => {
  const source =
    "import greet, importlib.resources as r\n[greet.hi('Ada'), (r.files('greet') / 'data.txt').read_text()]"
  expect(await run(source, ['greet'])).toMatchObject({ status: 'completed', value: ['Hello Ada', 'beside the code'] })
  const both = await run("import greet, other_thing\n[greet.hi('Ada'), other_thing.x]", ['greet', 'Other_Thing'])
  expect(both).toMatchObject({ status: 'completed', value: ['Hi Ada', 3] })
  expect((await run("import greet\ngreet.hi('Ada')", ['greet==2.0'])).value).toBe('Hi Ada')
})

test('a sandbox without packages finds none, also on an interpreter that was lent to one with them', async () => {
  await run('import greet', ['greet'])
  const source = 'try:\n    import greet\nexcept ImportError as e:\n    found = type(e).__name__\nfound'
  expect((await run(source)).value).toBe('ModuleNotFoundError')
})

test('what no image has is refused by name, and so are packages of another language', async () => {
  await expect(run('1', ['numpy'])).rejects.toMatchObject({
    code: 'TOKA_PACKAGE_MISSING',
    message: expect.stringContaining('no image has numpy'),
  })
  await expect(run('1', ['greet==1.0', 'other-thing'])).rejects.toThrow(/no one image has all of/)
  await expect(run('1', ['greet; rm'])).rejects.toMatchObject({ code: 'TOKA_REQUEST_INVALID' })
  await expect(toka.run({ language: 'javascript', source: '1', packages: ['greet'] })).rejects.toThrow(
    "packages: only language 'python' has packages",
  )
})

test('they cannot be changed from inside, and another sandbox sees no change', async () => {
  const source = `
import errno
found = []
for act in (lambda: open('/lib/site-packages/greet/words.py', 'w'), lambda: __import__('os').remove('/lib/site-packages/greet/words.py')):
    try: act()
    except OSError as e: found.append(errno.errorcode[e.errno])
found`
  expect((await run(source, ['greet==1.0'])).value).toEqual(['EROFS', 'EROFS'])
  expect((await run("import greet\ngreet.hi('you')", ['greet==1.0'])).value).toBe('Hello you')
})

test('forks and restored snapshots have them too', async () => {
  const sandbox = await toka.open({ language: 'python', packages: ['greet==1.0'] })
  await sandbox.run({ source: 'n = 1' })
  const twin = await sandbox.fork()
  expect((await twin.run({ source: 'import greet\ngreet.hi(n)' })).value).toBe('Hello 1')
  const restored = await toka.restore(await sandbox.snapshot(), { packages: ['greet==1.0'] })
  expect((await restored.run({ source: 'import greet\ngreet.hi(n)' })).value).toBe('Hello 1')
  await expect(toka.restore(await sandbox.snapshot(), {})).rejects.toMatchObject({ code: 'TOKA_SNAPSHOT_ENGINE' })
})
