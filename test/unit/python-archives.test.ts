/** Modules of archives in Python: named, compiled once, shown as they are; those that were compiled before; and what an image is. */
import { openCache } from '#cache'
import { expect, test } from 'vitest'
import { pyodide } from '../../engines/pyodide/engine.ts'
import { testIo } from '../engine-bench.ts'
import { preparePython, python, pythonValue } from '../python.ts'

preparePython()

test('a module of an archive has the file name that CPython gives it, without being compiled for it', async () => {
  const value = await pythonValue(`
import sys, zipfile, zipimport, py_compile, builtins
with zipfile.ZipFile('/tmp/a.zip', 'w') as archive:
    archive.writestr('plain.py', 'x = 1')
    archive.writestr('pack/__init__.py', 'x = 2')
    archive.writestr('wrong.py', 'x = = 2')
    open('/tmp/only.py', 'w').write('x = 3')
    archive.write(py_compile.compile('/tmp/only.py', '/tmp/only.pyc', doraise=True), 'only.pyc')
importer = zipimport.zipimporter('/tmp/a.zip')
names = [importer.get_filename(name) for name in ('plain', 'pack', 'wrong', 'only')]
try:
    importer.get_filename('missing')
except zipimport.ZipImportError as error:
    names.append(str(error))
compiled = []
own = zipimport._compile_source
zipimport._compile_source = lambda *given: compiled.append(given[0]) or own(*given)
sys.path.insert(0, '/tmp/a.zip')
import plain, pack, only
zipimport._compile_source = own
[names, compiled, [plain.x, pack.x, only.x], plain.__file__]
`)
  expect(value).toEqual([
    [
      '/tmp/a.zip/plain.py',
      '/tmp/a.zip/pack/__init__.py',
      '/tmp/a.zip/wrong.py',
      '/tmp/a.zip/only.pyc',
      "can't find module 'missing'",
    ],
    ['/tmp/a.zip/plain.py', '/tmp/a.zip/pack/__init__.py'],
    [1, 2, 3],
    '/tmp/a.zip/plain.py',
  ])
})

test('what an image was made with is not in it: modules read and compile as they do anywhere', async () => {
  const value = await pythonValue(`
import importlib.machinery, inspect, json, os
[os.path.exists('/bytecode'), 'get_code' in vars(importlib.machinery.SourceFileLoader),
 json.dumps.__code__.co_filename, inspect.getsource(json.dumps).splitlines()[0][:10]]
`)
  expect(value).toEqual([false, false, '/lib/python314.zip/json/__init__.py', 'def dumps('])
})

test('each module that has bytecode imports from it, and is what its source is', async () => {
  const value = await pythonValue(`
import importlib, inspect, marshal, os, sys, zipimport, zlib
compiled, wrong = [], []
own = zipimport._compile_source
zipimport._compile_source = lambda *given: compiled.append(given[0]) or own(*given)
names = os.listdir('/lib/bytecode')
wrong += [name for name in names if name in sys.modules]
for name in names:
    module = importlib.import_module(name)
    code = module.__loader__.get_code(name)
    if code != own(module.__file__, module.__loader__.get_source(name).encode()) or code.co_filename != module.__file__:
        wrong.append(name)
zipimport._compile_source = own
import tarfile
[compiled, wrong, len(names) > 30, inspect.getsource(tarfile.TarFile.open).splitlines()[0].strip(), tarfile.__file__]
`)
  expect(value).toEqual([[], [], true, '@classmethod', '/lib/python314.zip/tarfile.py'])
})

test('a traceback shows the lines of a module that came from bytecode', async () => {
  const { error } = await python('import tomllib\ntomllib.loads(5)')
  expect(error?.guestStack).toContain('File "/lib/python314.zip/tomllib/_parser.py"')
  expect(error?.guestStack).toContain('raise TypeError(')
})

test('help, unittest, tarfile, doctest and the metadata of packages work, though they are imported late', async () => {
  const value = await pythonValue(`
import contextlib, io, unittest, tarfile, doctest, importlib.metadata, email.message, xml.dom.minidom, sys
with contextlib.redirect_stdout(io.StringIO()) as said:
    help(len)
class Case(unittest.TestCase):
    def test_right(self): self.assertEqual(1 + 1, 2)
    def test_wrong(self): self.assertEqual(1 + 1, 3)
with contextlib.redirect_stderr(io.StringIO()):
    result = unittest.TextTestRunner(stream=io.StringIO()).run(unittest.defaultTestLoader.loadTestsFromTestCase(Case))
held = io.BytesIO()
with tarfile.open(fileobj=held, mode='w:gz') as archive:
    entry = tarfile.TarInfo('a.txt'); entry.size = 2
    archive.addfile(entry, io.BytesIO(b'hi'))
held.seek(0)
read = tarfile.open(fileobj=held).extractfile('a.txt').read()
def f():
    """
    >>> f()
    4
    """
    return 3
tried = doctest.DocTestRunner(verbose=False)
with contextlib.redirect_stdout(io.StringIO()):
    for case in doctest.DocTestFinder().find(f, 'f', globs={'f': f}): tried.run(case)
try:
    importlib.metadata.version('nothing')
except importlib.metadata.PackageNotFoundError as error:
    missing = str(error)
mail = email.message.EmailMessage()
mail['Subject'] = 'na\u00efve'
['built-in function len' in said.getvalue(), result.testsRun, len(result.failures), read, tried.summarize(verbose=False).failed,
 missing, bytes(mail).split(b'\\n')[0], xml.dom.minidom.parseString('<a><b/></a>').documentElement.firstChild.tagName]
`)
  expect(value).toEqual([
    ...[true, 2, 1, new TextEncoder().encode('hi'), 1, 'No package metadata was found for nothing'],
    ...[new TextEncoder().encode('Subject: =?utf-8?q?na=C3=AFve?='), 'b'],
  ])
})

test('what an image gives each fork to copy is at most 16 MB', async () => {
  const { state } = await pyodide.prepare({ ...testIo, cache: openCache() })
  expect(state.runs.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThanOrEqual(16_000_000)
})
