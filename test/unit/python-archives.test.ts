/** Modules of archives in Python: named, compiled once, shown as they are; and an image whose modules were compiled before. */
import { expect, test } from 'vitest'
import { pythonValue } from '../python.ts'

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

test('what an image was made with is not in it: imports read and compile as they do anywhere', async () => {
  const value = await pythonValue(`
import importlib.machinery, inspect, json, os, zipimport
[os.path.exists('/bytecode'), 'get_code' in vars(importlib.machinery.SourceFileLoader), zipimport.zipimporter.get_code.__qualname__,
 json.dumps.__code__.co_filename, inspect.getsource(json.dumps).splitlines()[0][:10]]
`)
  expect(value).toEqual([false, false, 'zipimporter.get_code', '/lib/python314.zip/json/__init__.py', 'def dumps('])
})
