/** Python: a guest tries every road out that opened another sandbox. What it finds at the end of each is itself. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool } from '../../src/index.ts'
import { preparePython, python, pythonValue } from '../python.ts'
import { inEveryWay, toka } from '../run.ts'

/** The name of what an expression raises, or its value as text. */
const outcome = (statements: string): string =>
  `def attempt():\n${statements.replace(/^/gm, '    ')}\ntry:\n    result = repr(attempt())\nexcept BaseException as error:\n    result = type(error).__name__\nresult`

const lookup = defineTool({
  name: 'lookup',
  description: 'Finds a customer',
  input: z.object({ id: z.string() }),
  run: ({ id }) => `customer ${id}`,
})
const granted = {
  tools: [lookup],
  grants: [{ resource: 'tool' as const, actions: ['call' as const], names: ['lookup'] }],
}

/** After an attack the next run on the same pool is right. */
async function nextRunIsRight(): Promise<void> {
  expect(await pythonValue('import json\njson.loads("[1, 2]") + [sum(range(10))]')).toEqual([1, 2, 45])
}

preparePython()

inEveryWay(() => {
  describe('there is no bridge to JavaScript', () => {
    test.each([
      'js',
      'pyodide_js',
      'pyodide',
      'pyodide.code',
      'pyodide.ffi',
      '_pyodide',
      '_pyodide_core',
      'ctypes',
      '_ctypes',
      'micropip',
    ])('import %s', async (name) => {
      expect(await pythonValue(outcome(`import ${name}`))).toMatch(/^(ImportError|ModuleNotFoundError)$/)
    })

    test('and no class of one, however the classes are walked (Grist CVE-2026-24002)', async () => {
      const value = await pythonValue(`
seen, open_ = set(), [object]
while open_:
    for c in type.__subclasses__(open_.pop()):
        if c not in seen:
            seen.add(c)
            open_.append(c)
sorted(c.__module__ + '.' + c.__qualname__ for c in seen if any(w in (c.__module__ + c.__qualname__).lower() for w in ('jsproxy', 'pyodide', 'pyproxy', 'jsexception')))`)
      expect(value).toEqual([])
    })
  })

  describe('there is no process, no host and no other file system', () => {
    test.each([
      ['os.system', "import os\nreturn os.system('id') == 0"],
      ['os.popen', "import os\nreturn os.popen('id').read()"],
      ['subprocess', "import subprocess\nreturn subprocess.run(['id'], capture_output=True).stdout"],
      ['os.fork', 'import os\nreturn os.fork()'],
      ['os.execv', "import os\nreturn os.execv('/bin/sh', ['sh'])"],
      ['os.posix_spawn', "import os\nreturn os.posix_spawn('/bin/sh', ['sh'], {})"],
      ['multiprocessing', 'import multiprocessing\nreturn multiprocessing.Process(target=print).start()'],
      ['a thread', 'import threading\nreturn threading.Thread(target=print).start()'],
      ['a socket', "import socket\ns = socket.socket()\ns.connect(('127.0.0.1', 80))\nreturn 'connected'"],
      ['a name', "import socket\nreturn socket.getaddrinfo('localhost', 80)"],
      ['urllib', "import urllib.request\nreturn urllib.request.urlopen('http://127.0.0.1/').read()"],
      [
        'http.client',
        "import http.client\nc = http.client.HTTPConnection('127.0.0.1')\nc.request('GET', '/')\nreturn c.getresponse().read()",
      ],
      ['/proc', "return open('/proc/self/environ').read()"],
      ['/proc/self/mem', "return open('/proc/self/mem', 'rb').read(1)"],
      ['/etc/passwd', "return open('/etc/passwd').read()"],
      ['/dev/mem', "return open('/dev/mem', 'rb').read(1)"],
      ['a path that climbs', "return open('/../../../../etc/passwd').read()"],
      [
        'a shared library',
        "import importlib.machinery as m\nreturn m.ExtensionFileLoader('x', '/lib/x.so').create_module(m.ModuleSpec('x', None, origin='/lib/x.so'))",
      ],
      [
        'an extension of SQLite',
        "import sqlite3\nc = sqlite3.connect(':memory:')\nc.enable_load_extension(True)\nreturn c.load_extension('/lib/x')",
      ],
    ])('%s', async (_name, source) => {
      const value = String(await pythonValue(outcome(source), { limits: { timeoutMs: 10_000 } }))
      expect(value).toMatch(/^(\w*Error|\w*Exception|UnsupportedOperation|False)$/)
      await nextRunIsRight()
    })

    test('a database on a mount that is not granted is not opened, and the denial is logged', async () => {
      const mounts = [{ at: '/data', from: { files: { 'secret.db': 'SQLite format 3\0' } }, mode: 'ro' as const }]
      const result = await python(
        outcome(
          "import sqlite3\nreturn sqlite3.connect('/data/secret.db').execute('select * from sqlite_master').fetchall()",
        ),
        { mounts: mounts.map(({ at, from }) => ({ at, from, mode: 'rw' as const })) },
      )
      expect(result).toMatchObject({ status: 'completed', value: 'OperationalError' })
      expect(result.denials[0]).toMatchObject({ operation: 'fs.read' })
      await nextRunIsRight()
    })

    test('the environment is what was given', async () => {
      expect(
        await pythonValue('import os\nos.environ.get("PATH"), os.environ.get("GIVEN")', { env: { GIVEN: '1' } }),
      ).toEqual([null, '1'])
    })
  })

  describe('what ends the interpreter ends the run, and nothing else', () => {
    test.each([
      ['faulthandler._sigsegv()', 'import faulthandler\nfaulthandler._sigsegv()'],
      ['faulthandler._fatal_error_c_thread', 'import faulthandler\nfaulthandler._fatal_error(b"x")'],
      ['os.abort()', 'import os\nos.abort()'],
      ['signal.raise_signal', 'import signal\nsignal.raise_signal(signal.SIGABRT)'],
      ['os.kill', 'import os, signal\nos.kill(os.getpid(), signal.SIGKILL)'],
      [
        'a code object with bytecode of its own',
        'f = lambda: 0\nimport os\nfor n in range(300):\n    try:\n        f.__code__ = f.__code__.replace(co_code=os.urandom(64), co_consts=(), co_names=(), co_stacksize=2)\n        f()\n    except BaseException: pass',
      ],
      [
        'a constant beyond the constants',
        'f = lambda: 0\nf.__code__ = f.__code__.replace(co_code=bytes([100, 255, 53, 0]) * 20, co_consts=())\nf()',
      ],
      ['an object of a made-up type', 'import gc\n[o for o in gc.get_objects() if type(o).__name__ == "x" and o.y]'],
    ])('%s', async (_name, source) => {
      const result = await python(source, { limits: { timeoutMs: 5_000 } })
      expect(['completed', 'failed', 'limit']).toContain(result.status)
      expect(result.error?.code).not.toBe('TOKA_INTERNAL')
      await nextRunIsRight()
    })

    test('os._exit and sys.exit say their code', async () => {
      expect(await python('import os\nos._exit(3)')).toMatchObject({ status: 'completed', exitCode: 3 })
      expect(await python('import sys\nsys.exit(4)')).toMatchObject({ status: 'completed', exitCode: 4 })
      await nextRunIsRight()
    })
  })

  describe('what a guest finds by walking is its own', () => {
    test('globals by way of classes, format strings and frames hold nothing of the host (n8n CVE-2025-68668, CVE-2026-0863, PraisonAI CVE-2026-39888)', async () => {
      const value = await pythonValue(`
import sys
found = []
def look(scope):
    for name, value in list(scope.items()):
        text = name.lower()
        if any(word in text for word in ('secret', 'process_env', 'require', 'globalthis')): found.append(name)
frame = sys._getframe()
while frame:
    look(frame.f_globals)
    frame = frame.f_back
try:
    1 / 0
except ZeroDivisionError as error:
    frame = error.__traceback__.tb_frame
    while frame:
        look(frame.f_locals)
        frame = frame.f_back
catcher = [c for c in ().__class__.__base__.__subclasses__() if c.__name__ == 'catch_warnings'][0]
look(catcher()._module.__dict__)
'{0.__class__.__init__.__globals__}'.format(catcher())
found`)
      expect(value).toEqual([])
    })

    test('a tool that is shadowed in one sandbox is whole in the next (mcp-run-python CVE-2026-25905)', async () => {
      const shadow = `
import toka, builtins, sys
class Evil:
    def __getattr__(self, name): return lambda **kw: 'evil'
toka.tools = Evil()
sys.modules['toka'].tools = Evil()
sys.modules['_toka'] = None
builtins.print = None
builtins.repr = None
1`
      await python(shadow, granted)
      const source = "from toka import tools\ntools.lookup(id='7')"
      expect(await pythonValue(source, granted)).toBe('customer 7')
      await nextRunIsRight()
    })

    test('a guest that replaces builtins still hands back its value', async () => {
      const source = `
import builtins, sys, json
for name in ('len', 'isinstance', 'type', 'repr', 'str', 'dict', 'list', 'tuple', 'bytes', 'int', 'getattr', 'print', 'open', '__import__', 'compile', 'exec', 'eval'):
    setattr(builtins, name, None)
sys.modules.clear()
[1, {'a': 2}]`
      const result = await python(source)
      expect(result.error?.code).not.toBe('TOKA_INTERNAL')
      await nextRunIsRight()
    })
  })

  describe('calls past the prelude meet the same checks', () => {
    test('random operations with random bytes end in an error of the guest', async () => {
      const source = `
import _toka, random
random.seed(7)
names = set()
for _ in range(2000):
    operation = random.choice([random.randrange(0, 70), random.randrange(0, 300), random.randrange(0, 2**31), -1])
    if operation in (31, 100, 101, 102, 103): continue
    argument = random.randbytes(random.choice([0, 1, 4, 8, 12, 40]))
    try:
        _toka.call(operation, argument)
    except Exception as error:
        names.add(type(error).__name__)
sorted(names)`
      const result = await python(source, { limits: { timeoutMs: 20_000 } })
      expect(result.error?.code).not.toBe('TOKA_INTERNAL')
      expect(result.status).toBe('completed')
      await nextRunIsRight()
    })

    test('a tool that is not granted is denied by every road', async () => {
      const source = `
import _toka, toka
out = []
for call in (lambda: toka.tools.lookup(id='7'), lambda: _toka.call(51, b'\\x06\\x00\\x00\\x00lookup' + bytes([0xa1, 0x62]) + b'id' + bytes([0x61]) + b'7')):
    try: out.append(call())
    except Exception as error: out.append(type(error).__name__ != 'AttributeError')
out`
      const result = await python(source, { tools: [lookup] })
      expect(result.value).toEqual([true, true])
      expect(result.denials.map(({ operation, resource }) => `${operation} ${resource}`)).toContain('tool.call lookup')
    })
  })

  test('two sandboxes at once see nothing of each other', async () => {
    const one = await (await toka()).open({ language: 'python' })
    const two = await (await toka()).open({ language: 'python' })
    try {
      await one.run({ source: "secret = 'of one'\nimport sys\nsys.planted = 1\nopen('/tmp/x', 'w').write(secret)" })
      const { value } = await two.run({
        source: "import os, sys\n['secret' in globals(), hasattr(sys, 'planted'), os.path.exists('/tmp/x')]",
      })
      expect(value).toEqual([false, false, false])
    } finally {
      await one.dispose()
      await two.dispose()
    }
  })
})
