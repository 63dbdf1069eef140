/** What a sandbox has not: each way to it says so in a Python exception, and what there is instead. */
import { describe, expect, test } from 'vitest'
import { preparePython, pythonValue } from '../python.ts'

preparePython()

const attempt = (source: string): Promise<unknown> =>
  pythonValue(`def attempt():
${source.replace(/^/gm, '    ')}
try:
    attempt()
    told = ["none", ""]
except BaseException as e:
    told = [type(e).__name__, str(e)]
told`)

describe('what is not there says so', () => {
  test.each([
    ['import js', 'ModuleNotFoundError', 'no bridge to JavaScript'],
    ['import pyodide.code', 'ModuleNotFoundError', 'no bridge to JavaScript'],
    ['from pyodide_js import loadPackage', 'ModuleNotFoundError', 'no bridge to JavaScript'],
    ['import _pyodide._base', 'ModuleNotFoundError', 'no bridge to JavaScript'],
    ['import _pyodide_core', 'ModuleNotFoundError', '_pyodide_core'],
    ['import ctypes', 'ModuleNotFoundError', 'no foreign functions'],
    ['import _ctypes', 'ModuleNotFoundError', 'no foreign functions'],
    ['import threading; threading.Thread(target=print).start()', 'RuntimeError', 'no threads: use asyncio'],
    ['import _thread; _thread.start_new_thread(print, ())', 'RuntimeError', 'no threads'],
    ['import _thread; _thread.start_joinable_thread(print)', 'RuntimeError', 'no threads'],
    [
      'from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor().submit(print)',
      'RuntimeError',
      'no threads',
    ],
    ['import subprocess; subprocess.run(["ls"])', 'OSError', 'no processes: use a host tool'],
    ['import subprocess; subprocess.check_output("ls", shell=True)', 'OSError', 'no processes'],
    ['import os; os.system("ls")', 'AttributeError', 'no processes'],
    ['import os; os.popen("ls")', 'AttributeError', 'no processes'],
    ['import os; os.fork()', 'AttributeError', 'no processes'],
    ['import os; os.execv("/bin/sh", ["sh"])', 'AttributeError', 'no processes'],
    ['import os; os.posix_spawn("/bin/sh", ["sh"], {})', 'AttributeError', 'no processes'],
    ['import socket; socket.socket()', 'OSError', 'use toka.fetch or urllib.request'],
    ['import socket; socket.create_connection(("example.com", 80))', 'OSError', 'no sockets'],
    ['import socket; socket.getaddrinfo("example.com", 80)', 'OSError', 'no sockets'],
    ['import http.client; http.client.HTTPConnection("example.com").request("GET", "/")', 'OSError', 'no sockets'],
    ['import smtplib; smtplib.SMTP("example.com")', 'OSError', 'no sockets'],
  ])('%s', async (source, kind, message) => {
    expect(await attempt(source)).toEqual([kind, expect.stringContaining(message)])
  })

  test('and libraries that ask first hear that it is not there', async () => {
    expect(await pythonValue('import os\n[hasattr(os, n) for n in ("fork", "system", "posix_spawn", "nope")]')).toEqual(
      [false, false, false, false],
    )
  })
})
