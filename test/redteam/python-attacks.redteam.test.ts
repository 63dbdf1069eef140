/** The Python family: each way out that is known of other sandboxes, tried in every way to run one, with a right run after it. */
import { expect, test } from 'vitest'
import { tokaOf, WAYS } from '../isolations.ts'
import { preparePython } from '../python.ts'

/** What an attack is allowed to come to. */
type End = {
  value?: unknown
  error?: RegExp
  code?: string
  /** The name of an import that must be among the denials. */
  denied?: string
  /** The guest's own exit code. */
  exits?: number
}

/** Takes the prelude's refusals away first: what is left is what the binary itself gives. */
const BARE =
  'import sys\nsys.meta_path.pop(0)\nfor n in ("_pyodide_core", "_ctypes", "ctypes", "js"): sys.modules.pop(n, None)\n'

const ATTACKS: Readonly<Record<string, readonly [source: string, end: End]>> = {
  'import js': ['import js', { error: /No module named 'js'/ }],
  'import pyodide_js': ['import pyodide_js', { error: /No module named/ }],
  'pyodide.code.run_js': ['from pyodide.code import run_js', { error: /No module named/ }],
  'import _pyodide_core': ['import _pyodide_core', { error: /_pyodide_core/ }],
  'the bridge to JavaScript, with the refusals taken away': [
    `${BARE}import _pyodide_core`,
    { code: 'TOKA_GUEST_TRAP', denied: 'jslib_init_buffers_js' },
  ],
  ctypes: ['import ctypes', { error: /no foreign functions/ }],
  'the functions beneath ctypes': [
    `${BARE}import _ctypes`,
    { code: 'TOKA_GUEST_TRAP', denied: 'ffi_closure_alloc_js' },
  ],
  'os.system': ['import os\nos.system("ls")', { error: /no processes/ }],
  'the system call beneath os.system': [
    'import posix\nposix.system("ls")',
    { value: -1, denied: '_emscripten_system' },
  ],
  popen: ['import os\nos.popen("ls")', { error: /no processes/ }],
  subprocess: ['import subprocess\nsubprocess.run(["ls"])', { error: /no processes/ }],
  'the process beneath subprocess': [
    'import posix\n[name for name in ("fork", "execv", "posix_spawn") if hasattr(posix, name)] + [posix.fork()]',
    { error: /AttributeError|OSError/ },
  ],
  'os.fork': ['import os\nos.fork()', { error: /no processes/ }],
  'a socket': ['import socket\nsocket.socket()', { error: /no sockets/ }],
  'the system call beneath a socket': [
    'import _socket\n_socket.socket()',
    { error: /OSError/, denied: '__syscall_socket' },
  ],
  'a name of the network': [
    'import _socket\n_socket.getaddrinfo("example.com", 80)',
    { error: /gaierror|OSError/, denied: 'getaddrinfo' },
  ],
  'urllib without a grant': [
    'from urllib.request import urlopen\nurlopen("https://example.com/")',
    { error: /is not allowed here|is answered later/ },
  ],
  threads: ['import threading\nthreading.Thread(target=print).start()', { error: /no threads/ }],
  '/proc': ['open("/proc/self/environ")', { error: /FileNotFoundError/ }],
  '/etc/passwd': ['open("/etc/passwd")', { error: /FileNotFoundError/ }],
  'up and out': ['open("/tmp/../../../../etc/passwd")', { error: /FileNotFoundError/ }],
  'a database at a place that is not there': [
    'import sqlite3\nsqlite3.connect("file:/etc/passwd?mode=ro", uri=True).execute("select 1 from sqlite_master")',
    { error: /unable to open|OperationalError/ },
  ],
  'an extension of a database': [
    'import sqlite3\nc = sqlite3.connect(":memory:")\nc.enable_load_extension(True)\nc.load_extension("/tmp/x.so")',
    { error: /enable_load_extension|not authorized|OperationalError|cannot|no such/ },
  ],
  'faulthandler._sigsegv': ['import faulthandler\nfaulthandler._sigsegv()', { error: /No module named|trapped/ }],
  'os.abort': ['import os\nos.abort()', { code: 'TOKA_GUEST_TRAP' }],
  'os._exit': ['import os\nos._exit(9)', { exits: 9 }],
  'kill by number': ['import posix\nposix.kill(posix.getpid(), 9)', { exits: 137 }],
  raise_signal: ['import signal\nsignal.raise_signal(signal.SIGINT)', { denied: '__call_sighandler' }],
  'a forged code object': [
    'def f(): pass\nf.__code__ = f.__code__.replace(co_code=bytes([255, 0] * 50), co_stacksize=1)\nf()',
    { error: /./ },
  ],
  'a forged code object that reads beyond its constants': [
    'def f(): return 1\ncode = f.__code__\nf.__code__ = code.replace(co_consts=(), co_code=code.co_code)\nf()',
    { error: /.|^$/ },
  ],
  'a walk through classes (CVE-2026-24002)': [
    '[c.__name__ for c in ().__class__.__bases__[0].__subclasses__() if "Js" in c.__name__ or "Proxy" == c.__name__]',
    { value: [] },
  ],
  'a walk through frames (CVE-2025-68668, CVE-2026-0863)': [
    'import sys\ntry: raise ValueError\nexcept ValueError as e: f = e.__traceback__.tb_frame\nwhile f.f_back: f = f.f_back\nsorted(n for n in f.f_globals if "js" in n.lower())',
    { value: [] },
  ],
  'a walk through a format string': ['"{0.__class__.__mro__}".format(()).count("object")', { value: 1 }],
  'a tool is shadowed (CVE-2026-25905)': ['import toka\ntoka.tools = 1\ntoka.tools', { value: 1 }],
  'the door itself, with a number that nobody has': ['import _toka\n_toka.call(99999, b"")', { error: /Failure/ }],
  'the door itself, with what is no bytes': ['import _toka\n_toka.call(1, 5)', { error: /TypeError/ }],
  'the prelude is replaced': [
    'import _toka\n_toka.install(Exception, lambda: 1 / 0, lambda s: 1 / 0, OSError, ValueError)\n7',
    { value: 7 },
  ],
  'the prelude is replaced by what is no function': ['import _toka\n_toka.install(1, 2, 3, 4, 5)\n7', { value: 7 }],
  ...Object.fromEntries(
    ['None', '"x"', '5', 'undefined'].map((report) => [
      `a report that is ${report}`,
      [
        `import _toka, _toka_operations\nfrom _toka_encode import encode\nfrom _toka_values import undefined\n_toka.call(_toka_operations.EngineFail, encode(${report}))`,
        { code: 'TOKA_GUEST_ERROR', error: /could not be read/ },
      ],
    ]),
  ),
  'a library that is loaded': [
    'import _imp\nimport importlib.machinery as m\nm.ExtensionFileLoader("x", "/tmp/x.so")',
    {},
  ],
  'everything in sys.modules is taken away': ['import sys\nsys.modules.clear()', {}],
  'builtins are taken away': ['import builtins\nbuiltins.__dict__.clear()', {}],
}

preparePython()

test.each(WAYS)(
  '%s: each attack comes to what it may, each denied import is told, and the next sandbox is right',
  async (way) => {
    const toka = await tokaOf(way)
    const wrong: string[] = []
    for (const [name, [source, end]] of Object.entries(ATTACKS)) {
      const sandbox = await toka.open({ language: 'python', limits: { timeoutMs: 10_000 } })
      const { value, error, denials, exitCode } = await sandbox.run({ source })
      const imports = denials.filter(({ operation }) => operation === 'guest.import').map(({ resource }) => resource)
      const said = `${error?.code ?? ''} ${error?.message ?? ''}`
      if (end.error && !end.error.test(error?.message ?? '')) wrong.push(`${name}: ${said}`)
      if (end.code !== undefined && error?.code !== end.code) wrong.push(`${name}: ${said}`)
      if ('value' in end && JSON.stringify(value) !== JSON.stringify(end.value))
        wrong.push(`${name}: ${JSON.stringify(value)} ${said}`)
      if (end.denied !== undefined && !imports.includes(end.denied))
        wrong.push(`${name}: denied only ${imports.join()}`)
      if (end.exits !== undefined && exitCode !== end.exits) wrong.push(`${name}: exit ${exitCode}`)
      await sandbox.dispose()
      const next = await toka.run({
        language: 'python',
        source: 'import json, sys\n[json.dumps({"a": 6 * 7}), len(sys.modules) > 50]',
      })
      if (JSON.stringify(next.value) !== '["{\\"a\\": 42}",true]') wrong.push(`after ${name}: ${next.error?.message}`)
    }
    expect(wrong).toEqual([])
  },
  120_000,
)

test('a denied import is told once a run, however often it is called', async () => {
  const sandbox = await (await tokaOf('inline')).open({ language: 'python' })
  const source = 'import posix\nfor _ in range(1000): posix.system("x")'
  for (let at = 0; at < 2; at++) {
    const { denials, audit } = await sandbox.run({ source })
    expect(denials).toEqual([
      { operation: 'guest.import', resource: '_emscripten_system', reason: 'absent', link: 0, allow: '' },
    ])
    expect(audit.records).toBe(at + 1)
  }
  await sandbox.dispose()
})
