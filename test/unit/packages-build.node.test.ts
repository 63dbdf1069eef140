/** Wheels and a lock go in; only what the lock vouches for, and what stays where it belongs, comes out. */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Zippable, zipSync } from 'fflate'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { chooseImage } from '../../src/packages/choose-image.ts'
import { createToka } from '../../src/index.ts'
import {
  buildPackages,
  compileIn,
  decodePackages,
  listPackageImages,
  writePackageImage,
} from '../../src/packages/index.node.ts'
import { parseWheelName, isPure } from '../../src/packages/wheel-name.ts'
import { toka } from '../command-line.ts'
import { preparePython } from '../python.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const metadata = (pure = true) => utf8(`Wheel-Version: 1.0\nRoot-Is-Purelib: ${pure}\n`)

preparePython()

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'toka-packages-'))
  await mkdir(join(folder, 'wheels'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** When every entry of an archive was made: the clock of two archives of the same may differ. */
const MADE = '2026-01-01T00:00:00Z'

type Given = { file: string; content: Zippable; hash?: string; marker?: string; bytes?: Uint8Array }

const wheel = (name: string, content: Zippable = {}): Given => ({
  file: `${name}-1.0-py3-none-any.whl`,
  content: {
    [`${name}/__init__.py`]: utf8(`x = '${name}'\n`),
    [`${name}-1.0.dist-info/WHEEL`]: metadata(),
    ...content,
  },
})

/** Writes the wheels and a lock that names them. */
async function given(...wheels: Given[]): Promise<{ wheels: string; lock: string }> {
  const entries: string[] = []
  for (const { file, content, hash, marker, bytes = zipSync(content, { mtime: MADE }) } of wheels) {
    await writeFile(join(folder, 'wheels', file), bytes)
    const [name, version] = file.split('-')
    entries.push(
      `[[packages]]\nname = "${name}"\nversion = "${version}"\n${marker ? `marker = ${JSON.stringify(marker)}\n` : ''}` +
        `[[packages.wheels]]\nurl = "https://example.com/${file}"\nhashes = {sha256 = "${hash ?? sha256(bytes)}"}\n`,
    )
  }
  const lock = join(folder, 'pylock.toml')
  await writeFile(lock, `lock-version = "1.0"\ncreated-by = "test"\n${entries.join('')}`)
  return { wheels: join(folder, 'wheels'), lock }
}

const refusal = async (...wheels: Given[]) => {
  const error = await buildPackages(await given(...wheels)).then(
    () => undefined,
    (thrown: unknown) => thrown as { code?: string; message: string },
  )
  return { code: error?.code, message: error?.message ?? '' }
}

describe('an image of packages', () => {
  test('holds what pure wheels install, under a name that is the hash of it', async () => {
    const data = { 'b-1.0.data/purelib/b_extra.py': utf8('y = 1\n'), 'b-1.0.data/scripts/b': utf8('#!python\n') }
    const built = await buildPackages(await given(wheel('b', data), wheel('a')))
    const image = await decodePackages(built.bytes, built.name)
    expect(built.name).toBe(`python-${sha256(built.bytes)}`)
    expect(image.packages.map(({ name, version }) => `${name} ${version}`)).toEqual(['a 1.0', 'b 1.0'])
    expect([...image.files.keys()]).toEqual([
      'a-1.0.dist-info/WHEEL',
      'a/__init__.py',
      'b-1.0.dist-info/WHEEL',
      'b/__init__.py',
      'b_extra.py',
    ])
    expect(new TextDecoder().decode(image.files.get('a/__init__.py'))).toBe("x = 'a'\n")
  })

  test('has the same bytes whatever the order of the lock', async () => {
    const first = await buildPackages(await given(wheel('a'), wheel('b')))
    const second = await buildPackages(await given(wheel('b'), wheel('a')))
    expect(second.name).toBe(first.name)
  })

  test('is refused when one byte of it is another', async () => {
    const built = await buildPackages(await given(wheel('a')))
    const changed = built.bytes.slice()
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
    await expect(decodePackages(changed, built.name)).rejects.toMatchObject({ code: 'TOKA_IMAGE_INVALID' })
    for (const length of [0, 7, 12, 40, built.bytes.length - 1])
      await expect(decodePackages(built.bytes.slice(0, length))).rejects.toMatchObject({ code: 'TOKA_IMAGE_INVALID' })
  })

  test('is refused when a path in it leads out of the directory, even under the right name', async () => {
    const built = await buildPackages(await given(wheel('abc')))
    const text = new TextDecoder('latin1').decode(built.bytes).replace('abc/__init__.py', '../__init__.py_')
    const forged = Uint8Array.from(text, (char) => char.charCodeAt(0))
    await expect(decodePackages(forged)).rejects.toMatchObject({ code: 'TOKA_IMAGE_INVALID' })
  })
})

describe('a wheel is refused', () => {
  test('when its sha256 is not the one of the lock, naming both', async () => {
    const { code, message } = await refusal({ ...wheel('a'), hash: '0'.repeat(64) })
    expect(code).toBe('TOKA_PACKAGE_HASH')
    expect(message).toContain('a-1.0-py3-none-any.whl')
    expect(message).toContain('0'.repeat(64))
  })

  test.each([
    ['../evil.py', {}],
    ['a/../../evil.py', {}],
    ['/etc/evil.py', {}],
    ['a\\..\\evil.py', {}],
    ['./evil.py', {}],
    ['a//evil.py', {}],
    [`${'x'.repeat(300)}/evil.py`, {}],
    ['a/link.py', { os: 3, attrs: 0o120777 * 0x10000 }],
    ['a/device.py', { os: 3, attrs: 0o020777 * 0x10000 }],
  ])('when its archive holds %s', async (path, attributes) => {
    const { code, message } = await refusal(wheel('a', { [path]: [utf8('/etc/passwd'), attributes] }))
    expect(code).toBe('TOKA_PACKAGE_INVALID')
    expect(message).toContain('a-1.0-py3-none-any.whl')
  })

  test('when its data directory leads out of the site', async () => {
    const { code } = await refusal(wheel('a', { 'a-1.0.data/purelib/../../../evil.py': utf8('') }))
    expect(code).toBe('TOKA_PACKAGE_INVALID')
  })

  test('when it says that a file is smaller than it is', async () => {
    const bytes = zipSync({ ...wheel('a').content, 'a/big.py': utf8('#'.repeat(100_000)) })
    const view = new DataView(bytes.buffer)
    // The sizes before compression in the local header and in the central directory.
    for (let at = 0; at + 4 < bytes.length; at++) {
      if (view.getUint32(at, true) === 100_000) view.setUint32(at, 10, true)
    }
    expect((await refusal({ ...wheel('a'), bytes })).code).toBe('TOKA_PACKAGE_INVALID')
  })

  test('when it is no archive, or ends early', async () => {
    const bytes = zipSync(wheel('a').content)
    for (const damaged of [utf8('no archive'), bytes.slice(0, -30), bytes.slice(0, 40)])
      expect((await refusal({ ...wheel('a'), bytes: damaged })).code).toBe('TOKA_PACKAGE_INVALID')
  })

  test.each([
    ['by its name', { file: 'a-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl', content: wheel('a').content }],
    ['by its metadata', wheel('a', { 'a-1.0.dist-info/WHEEL': metadata(false) })],
    ['by what it holds', wheel('a', { 'a/native.cpython-314-wasm32-emscripten.so': utf8('\0asm') })],
    ['by its scheme', wheel('a', { 'a-1.0.data/platlib/a.py': utf8('') })],
  ])('as binary %s, naming it', async (_, binary) => {
    const { code, message } = await refusal(binary)
    expect(code).toBe('TOKA_PACKAGE_BINARY')
    expect(message).toContain(binary.file)
  })

  test('when another wheel has another file of the same name; the same file may be in both', async () => {
    const shared = (text: string) => ({ 'shared/__init__.py': utf8(text) })
    expect((await refusal(wheel('a', shared('1')), wheel('b', shared('2')))).code).toBe('TOKA_PACKAGE_INVALID')
    expect((await buildPackages(await given(wheel('a', shared('')), wheel('b', shared(''))))).packages).toHaveLength(2)
  })

  test('when it has no metadata of a wheel', async () => {
    const bare = { file: 'a-1.0-py3-none-any.whl', content: { 'a/__init__.py': utf8('') } }
    expect((await refusal(bare)).code).toBe('TOKA_PACKAGE_INVALID')
  })
})

describe('a lock', () => {
  test.each([
    ['no TOML', 'packages = ['],
    ['another version', 'lock-version = "2.0"\npackages = []\n'],
    [
      'a URL that cannot be decoded',
      `lock-version = "1.0"\n[[packages]]\nname = "a"\nwheels = [{ url = "https://files.example/%zz.whl", hashes = { sha256 = "${'a'.repeat(64)}" } }]\n`,
    ],
    ['no hash', 'lock-version = "1.0"\n[[packages]]\nname = "a"\n[[packages.wheels]]\nname = "a-1-py3-none-any.whl"\n'],
    [
      'another hash',
      'lock-version = "1.0"\n[[packages]]\nname = "a"\n[[packages.wheels]]\nname = "a-1-py3-none-any.whl"\nhashes = {sha256 = "00"}\n',
    ],
    ['a package without a wheel', 'lock-version = "1.0"\n[[packages]]\nname = "a"\nversion = "1"\n'],
  ])('with %s is refused', async (_, text) => {
    const options = await given()
    await writeFile(options.lock, text)
    await expect(buildPackages(options)).rejects.toMatchObject({ code: 'TOKA_PACKAGE_LOCK' })
  })

  test('that names a wheel which is not there is refused, unless it is for other environments', async () => {
    const options = await given(wheel('a'), { ...wheel('b'), marker: "sys_platform == 'win32'" })
    await rm(join(options.wheels, 'b-1.0-py3-none-any.whl'))
    expect((await buildPackages(options)).left).toEqual(['b'])
    await rm(join(options.wheels, 'a-1.0-py3-none-any.whl'))
    await expect(buildPackages(options)).rejects.toMatchObject({ code: 'TOKA_PACKAGE_MISSING' })
  })
})

test('a wheel is pure by its tags, and others have no name of one', () => {
  const pure = (file: string) => isPure(parseWheelName(file))
  expect(pure('attrs-25.1.0-py3-none-any.whl')).toBe(true)
  expect(pure('six-1.17.0-py2.py3-none-any.whl')).toBe(true)
  expect(pure('a-1-1local-py3-none-any.whl')).toBe(true)
  expect(pure('a-1-py2-none-any.whl')).toBe(false)
  expect(pure('a-1-cp315-none-any.whl')).toBe(false)
  expect(pure('numpy-2.3.0-cp314-cp314-manylinux_2_28_x86_64.whl')).toBe(false)
  for (const file of ['a.whl', '../a-1-py3-none-any.whl', 'a-1-py3-none-any.zip'])
    expect(() => parseWheelName(file)).toThrow(expect.objectContaining({ code: 'TOKA_PACKAGE_INVALID' }))
})

test('a request gets the smallest image that has all of its packages, at the versions that it names', async () => {
  const image = async (...wheels: Given[]) => {
    const built = await buildPackages(await given(...wheels))
    return decodePackages(built.bytes, built.name)
  }
  const [small, large] = [await image(wheel('a')), await image(wheel('a'), wheel('b'))]
  expect(chooseImage([large, small], ['A'])).toBe(small)
  expect(chooseImage([large, small], ['a==1.0', 'b'])).toBe(large)
  for (const wanted of [['c'], ['a==2.0'], ['']])
    expect(() => chooseImage([large, small], wanted)).toThrow(expect.objectContaining({ code: 'TOKA_PACKAGE_MISSING' }))
})

describe('bytecode', () => {
  test('of an image is what its modules run from, and it is the same each time; what does not compile is left out', async () => {
    const options = await given(
      wheel('a', { 'a/deep.py': utf8('y = "of the source"\n'), 'a/template.py': utf8('{{ no python }}') }),
    )
    const maker = await createToka({ isolation: 'inline' })
    const compile = compileIn(maker)
    const built = await buildPackages({ ...options, compile })
    expect((await buildPackages({ ...options, compile })).name).toBe(built.name)
    await maker.dispose()
    const { name, packages, files } = await decodePackages(built.bytes, built.name)
    const caches = [...files.keys()].filter((path) => path.endsWith('.pyc'))
    expect(caches).toEqual(['a/__pycache__/__init__.cpython-314.pyc', 'a/__pycache__/deep.cpython-314.pyc'])
    // The source is another one: what runs tells which of the two was read.
    const changed = new Map(files).set('a/deep.py', utf8('y = "compiled anew"\n'))
    const user = await createToka({ isolation: 'inline', packageImages: [{ name, packages, files: changed }] })
    try {
      const source = 'import a.deep\n[a.x, a.deep.y, a.deep.__file__, a.deep.__cached__]'
      const { value } = await user.run({ language: 'python', packages: ['a'], source })
      const place = '/lib/site-packages/a'
      expect(value).toEqual(['a', 'of the source', `${place}/deep.py`, `${place}/__pycache__/deep.cpython-314.pyc`])
    } finally {
      await user.dispose()
    }
  })

  test('is asked for file by file: what a compiler adds beside it is no part of an image', async () => {
    const made = { 'a/__init__.py': utf8('bytecode'), '../../escape.py': utf8('x') }
    const compile = compileIn({ run: async () => ({ status: 'completed', value: made }) })
    const files = new Map([['a/__init__.py', utf8('x = 1')]])
    expect([...(await compile(files)).keys()]).toEqual(['a/__pycache__/__init__.cpython-314.pyc'])
  })

  test('is made in batches, so that no result of a run is too large', async () => {
    const batches: number[] = []
    const compile = compileIn({
      run: async ({ input }) => {
        batches.push(input.length)
        return { status: 'completed', value: {} }
      },
    })
    const large = new Uint8Array(1.5 * 2 ** 20)
    await compile(new Map(['a.py', 'b.py', 'c.py', 'd.py', 'data.txt'].map((path) => [path, large])))
    expect(batches).toEqual([2, 2])
  })
})

describe('toka image', () => {
  test('builds, lists and verifies; a damaged image is told', async () => {
    const { wheels, lock } = await given(wheel('a'))
    const images = join(folder, 'images')
    const built = await toka(['image', 'build', '--python', '--wheels', wheels, '--lock', lock, '--images', images])
    expect([built.code, built.stderr]).toEqual([0, expect.stringContaining('1 package,')])
    const name = built.stdout.trim()
    expect((await toka(['image', 'list', '--images', images])).stdout).toBe(`${name}  a==1.0\n`)
    expect((await toka(['image', 'verify', '--images', images])).code).toBe(0)
    const [file] = await readdir(images)
    const path = join(images, file as string)
    const bytes = await readFile(path)
    bytes[bytes.length - 1] = 0xff
    await writeFile(path, bytes)
    const verified = await toka(['image', 'verify', '--images', images])
    expect([verified.code, verified.stderr]).toEqual([1, expect.stringContaining('0 of 1 images are whole')])
    expect((await listPackageImages(images))[0]?.problem).toContain('its bytes are not those of')
  })

  test('says which of its two sources is not there', async () => {
    const { wheels, lock } = await given(wheel('a'))
    const build = (...rest: string[]) => toka(['image', 'build', '--python', ...rest])
    const noWheels = await build('--wheels', join(folder, 'nowhere'), '--lock', lock)
    expect(noWheels).toMatchObject({ code: 64, stderr: expect.stringMatching(/--wheels ".*nowhere": no such file/) })
    const noLock = await build('--wheels', wheels, '--lock', join(folder, 'nothing.toml'))
    expect(noLock).toMatchObject({ code: 64, stderr: expect.stringMatching(/--lock ".*nothing\.toml": no such file/) })
  })

  test('writes nothing when a wheel is refused, and names the wheel', async () => {
    const { wheels, lock } = await given({ ...wheel('a'), hash: '1'.repeat(64) })
    const images = join(folder, 'images')
    const built = await toka(['image', 'build', '--python', '--wheels', wheels, '--lock', lock, '--images', images])
    expect([built.code, built.stdout]).toEqual([64, ''])
    expect(built.stderr).toContain('a-1.0-py3-none-any.whl')
    expect(await listPackageImages(images)).toEqual([])
  })

  test('keeps an image whole: a reader never sees half of it', async () => {
    const built = await buildPackages(await given(wheel('a')))
    await Promise.all([1, 2, 3].map(() => writePackageImage(join(folder, 'images'), built.name, built.bytes)))
    expect(await readdir(join(folder, 'images'))).toEqual([`${built.name}.tokapy`])
  })

  test('a module that is not there is said to come with a package, by the image that has it or by making one', async () => {
    const { wheels, lock } = await given(wheel('greet'))
    const program = join(folder, 'program.py')
    await writeFile(program, 'import greet\nprint(greet.x)')
    const run = (...options: string[]) => toka(['run', program, ...options])
    const images = join(folder, 'images')
    expect((await run()).stderr).toContain(
      'no image of packages has greet: toka image build --python --wheels DIR --lock FILE makes one',
    )
    await toka(['image', 'build', '--python', '--wheels', wheels, '--lock', lock, '--images', images])
    const refused = await run('--packages', 'other', '--images', images)
    expect([refused.code, refused.stderr]).toEqual([64, expect.not.stringContaining('createToka')])
    expect(refused.stderr).toContain('no image has other: toka image build --python')
    await writeFile(join(folder, 'own.py'), "raise ModuleNotFoundError('greet is gone')")
    expect((await toka(['run', join(folder, 'own.py')])).stderr).not.toContain('image')
    expect((await run('--packages', 'greet', '--images', images)).stdout).toBe('greet\n')
  })
})
