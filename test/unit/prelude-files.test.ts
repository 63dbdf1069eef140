/** `fs` in a JavaScript guest: Node's functions over the sandbox's files, in their three forms. */
import { describe, expect, test } from 'vitest'
import { valueOf } from '../run.ts'

const FS = "const fs = require('fs');"

/** The error's fields that programs look at. */
const failing = (call: string) =>
  `${FS} try { ${call}; 'no error' } catch (e) { ({ code: e.code, errno: e.errno, syscall: e.syscall, path: e.path, message: e.message }) }`

describe('contents', () => {
  test('come back as text or bytes, in the encodings of Node', async () => {
    const value = await valueOf(`${FS}
      fs.writeFileSync('/a', 'hé€')
      fs.appendFileSync('/a', Uint8Array.of(33))
      const all = ['utf8', 'UTF-8', 'latin1', 'hex', 'base64', 'base64url'].map((encoding) => fs.readFileSync('/a', encoding))
      fs.writeFileSync('/b', '68e9ff', 'hex')
      fs.writeFileSync('/c', 'aGk_-w', { encoding: 'base64' })
      ;[all, fs.readFileSync('/a'), fs.readFileSync('/b'), fs.readFileSync('/c'), fs.readFileSync('/b', { encoding: 'utf16le' }).length]`)
    expect(value).toEqual([
      ['hé€!', 'hé€!', 'hÃ©â\x82¬!', '68c3a9e282ac21', 'aMOp4oKsIQ==', 'aMOp4oKsIQ'],
      new Uint8Array([0x68, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0x21]),
      new Uint8Array([0x68, 0xe9, 0xff]),
      new Uint8Array([0x68, 0x69, 0x3f, 0xfb]),
      1,
    ])
  })

  test('larger than one transfer are written and read whole', async () => {
    const value = await valueOf(`${FS}
      const bytes = new Uint8Array(1_000_003).map((_, index) => index * 7)
      fs.writeFileSync('/big', bytes)
      const back = fs.readFileSync('/big')
      const later = await fs.promises.readFile('/big')
      ;[back.length, back.every((byte, index) => byte === bytes[index]), later.length, fs.statSync('/big').size]`)
    expect(value).toEqual([1_000_003, true, 1_000_003, 1_000_003])
  })

  test('are read and written through descriptors at a position', async () => {
    const value = await valueOf(`${FS}
      const fd = fs.openSync('/f', 'w+')
      fs.writeSync(fd, 'hello ')
      fs.writeSync(fd, new TextEncoder().encode('xworldx'), 1, 5)
      const buffer = new Uint8Array(8)
      const read = fs.readSync(fd, buffer, 2, 5, 6)
      fs.ftruncateSync(fd, 7)
      const size = fs.fstatSync(fd).size
      fs.fsyncSync(fd)
      fs.closeSync(fd)
      let closed
      try { fs.readSync(fd, buffer) } catch (error) { closed = error.code }
      ;[read, new TextDecoder().decode(buffer), size, fs.readFileSync('/f', 'utf8'), closed]`)
    expect(value).toEqual([5, '\0\0world\0', 7, 'hello w', 'EBADF'])
  })

  test('obey the flags of open', async () => {
    const value = await valueOf(`${FS}
      fs.writeFileSync('/f', 'one')
      fs.writeFileSync('/f', 'two', { flag: 'a' })
      const code = (f) => { try { f(); return 'done' } catch (error) { return error.code } }
      ;[fs.readFileSync('/f', 'utf8'), code(() => fs.writeFileSync('/f', '', { flag: 'wx' })), code(() => fs.openSync('/g', 'r+')), code(() => fs.openSync('/g', 'q')),
        code(() => fs.closeSync(fs.openSync('/h', fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL)))]`)
    expect(value).toEqual(['onetwo', 'EEXIST', 'ENOENT', 'ERR_INVALID_ARG_VALUE', 'done'])
  })
})

describe('the tree', () => {
  test('is made, listed, moved and removed', async () => {
    const value = await valueOf(`${FS}
      const first = fs.mkdirSync('/w/a/b', { recursive: true })
      const again = fs.mkdirSync('/w/a', { recursive: true })
      fs.writeFileSync('/w/a/b/f.txt', '1')
      fs.copyFileSync('/w/a/b/f.txt', '/w/g.txt')
      fs.renameSync('/w/g.txt', '/w/h.txt')
      fs.symlinkSync('h.txt', '/w/link')
      fs.linkSync('/w/h.txt', '/w/hard')
      const names = fs.readdirSync('/w')
      const deep = fs.readdirSync('/w', { recursive: true })
      const kinds = fs.readdirSync('/w', { withFileTypes: true }).map((e) => [e.name, e.isDirectory(), e.isFile(), e.isSymbolicLink(), e.parentPath])
      const link = [fs.readlinkSync('/w/link'), fs.realpathSync('/w/link'), fs.lstatSync('/w/link').isSymbolicLink(), fs.statSync('/w/link').isFile()]
      fs.rmSync('/w', { recursive: true })
      ;[first, again, names, deep, kinds, link, fs.existsSync('/w')]`)
    expect(value).toEqual([
      '/w',
      undefined,
      ['a', 'h.txt', 'hard', 'link'],
      ['a', 'h.txt', 'hard', 'link', 'a/b', 'a/b/f.txt'],
      [
        ['a', true, false, false, '/w'],
        ['h.txt', false, true, false, '/w'],
        ['hard', false, true, false, '/w'],
        ['link', false, false, true, '/w'],
      ],
      ['h.txt', '/w/h.txt', true, true],
      false,
    ])
  })

  test('lists more entries than one call answers', async () => {
    const value = await valueOf(`${FS}
      fs.mkdirSync('/many')
      for (let index = 0; index < 2500; index++) fs.writeFileSync('/many/' + index, '')
      new Set(fs.readdirSync('/many')).size`)
    expect(value).toBe(2_500)
  })

  test('removal never follows a link', async () => {
    const value = await valueOf(`${FS}
      fs.mkdirSync('/keep'); fs.writeFileSync('/keep/f', '1'); fs.mkdirSync('/gone')
      fs.symlinkSync('/keep', '/gone/link')
      fs.rmSync('/gone', { recursive: true })
      fs.existsSync('/keep/f')`)
    expect(value).toBe(true)
  })

  test('times and sizes are set', async () => {
    const value = await valueOf(`${FS}
      fs.writeFileSync('/t', '12345')
      fs.utimesSync('/t', 1, new Date(2_500))
      fs.truncateSync('/t', 2)
      const { size, atimeMs, mode } = fs.statSync('/t')
      ;[size, atimeMs, (mode & fs.constants.S_IFMT) === fs.constants.S_IFREG, fs.mkdtempSync('/tmp/x-').length]`)
    expect(value).toEqual([2, 1_000, true, 13])
  })

  test('relative paths and file URLs mean what they mean in Node', async () => {
    const value = await valueOf(`${FS}
      fs.mkdirSync('/d')
      process.chdir('/d')
      fs.writeFileSync('a b', 'x')
      ;[process.cwd(), fs.readFileSync(new URL('file:///d/a%20b'), 'utf8'), fs.readFileSync(new TextEncoder().encode('./a b'), 'utf8')]`)
    expect(value).toEqual(['/d', 'x', 'x'])
  })
})

describe('errors', () => {
  test.each([
    ["fs.readFileSync('/nope')", 'ENOENT', -2, 'open', "ENOENT: no such file or directory, open '/nope'"],
    ["fs.readFileSync('/tmp')", 'EISDIR', -21, 'read', 'EISDIR: illegal operation on a directory, read'],
    ["fs.mkdirSync('/tmp')", 'EEXIST', -17, 'mkdir', "EEXIST: file already exists, mkdir '/tmp'"],
    ["fs.rmdirSync('/nope')", 'ENOENT', -2, 'rmdir', "ENOENT: no such file or directory, rmdir '/nope'"],
    ["fs.readdirSync('/nope')", 'ENOENT', -2, 'scandir', "ENOENT: no such file or directory, scandir '/nope'"],
    [
      "fs.renameSync('/nope', '/x')",
      'ENOENT',
      -2,
      'rename',
      "ENOENT: no such file or directory, rename '/nope' -> '/x'",
    ],
    ["fs.statSync('/nope')", 'ENOENT', -2, 'stat', "ENOENT: no such file or directory, stat '/nope'"],
  ])('%s fails as in Node', async (call, code, errno, syscall, message) => {
    expect(await valueOf(failing(call))).toMatchObject({ code, errno, syscall, message })
  })

  test.each([
    ["fs.readFileSync('/a\\0b')", 'ERR_INVALID_ARG_VALUE'],
    ['fs.readFileSync({})', 'ERR_INVALID_ARG_TYPE'],
    ["fs.writeFileSync('/x', {})", 'ERR_INVALID_ARG_TYPE'],
    ["fs.readFileSync('/tmp/x', 'klingon')", 'ERR_INVALID_ARG_VALUE'],
    ['fs.closeSync(-1)', 'ERR_OUT_OF_RANGE'],
    ["fs.readFileSync(new URL('http://x/y'))", 'ERR_INVALID_URL_SCHEME'],
    ["fs.createReadStream('/x')", 'ERR_TOKA_NOT_AVAILABLE'],
    ['fs.nonsense', 'ERR_TOKA_NOT_AVAILABLE'],
  ])('%s is refused with %s', async (call, code) => {
    expect(await valueOf(failing(call))).toMatchObject({ code })
  })

  test('are absent where the caller asks for quiet', async () => {
    const value = await valueOf(
      `${FS} [fs.rmSync('/nope', { force: true }), fs.statSync('/nope', { throwIfNoEntry: false }), fs.existsSync('/nope'), fs.existsSync({})]`,
    )
    expect(value).toEqual([undefined, undefined, false, false])
  })
})

describe('the other two forms', () => {
  test('promises overlap and reject with the same errors', async () => {
    const value = await valueOf(`
      import { readFile, writeFile, open, mkdir, readdir } from 'node:fs/promises'
      export default async () => {
        await mkdir('/p')
        await Promise.all([1, 2, 3].map((n) => writeFile('/p/' + n, String(n))))
        const texts = await Promise.all((await readdir('/p')).map((name) => readFile('/p/' + name, 'utf8')))
        const handle = await open('/p/1', 'r+')
        const { bytesRead, buffer } = await handle.read(new Uint8Array(4), 0, 4, 0)
        await handle.write('xyz')
        const whole = await (async () => { await handle.close(); return readFile('/p/1', 'utf8') })()
        let closed
        try { await handle.stat() } catch (error) { closed = error.code }
        return [texts, bytesRead, buffer[0], whole, closed, await readFile('/nope').catch((error) => error.message)]
      }`)
    expect(value).toEqual([['1', '2', '3'], 1, 49, 'xyz', 'EBADF', "ENOENT: no such file or directory, open '/nope'"])
  })

  test('callbacks get an error or null first', async () => {
    const value = await valueOf(`${FS}
      const seen = []
      await new Promise((resolve) => fs.writeFile('/c', 'x', (error) => { seen.push(error); resolve() }))
      await new Promise((resolve) => fs.readFile('/c', 'utf8', (error, text) => { seen.push(error, text); resolve() }))
      await new Promise((resolve) => fs.readFile('/nope', (error) => { seen.push(error.code); resolve() }))
      const fd = fs.openSync('/c')
      await new Promise((resolve) => fs.read(fd, new Uint8Array(2), 0, 2, 0, (error, count, buffer) => { seen.push(error, count, buffer); resolve() }))
      seen`)
    expect(value).toEqual([null, null, 'x', 'ENOENT', null, 1, new Uint8Array([0x78, 0])])
  })
})
