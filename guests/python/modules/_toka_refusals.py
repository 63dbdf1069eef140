"""What a sandbox has not: processes, threads, sockets, a bridge to JavaScript. Each says so, and what there is instead."""

import _thread
import errno
import os
import socket
import subprocess
import sys
import threading
from importlib.machinery import ModuleSpec

_NO_PROCESSES = "a sandbox has no processes: use a host tool"
_NO_THREADS = "a sandbox has no threads: use asyncio, and await host tools"
_NO_SOCKETS = "a sandbox has no sockets: use toka.fetch or urllib.request, which go through its net grants"
_NO_BRIDGE = "a sandbox has no bridge to JavaScript: use host tools (from toka import tools)"
_NO_FOREIGN = "a sandbox has no foreign functions: use host tools (from toka import tools)"

_MODULES = {
    "js": _NO_BRIDGE,
    "pyodide": _NO_BRIDGE,
    "pyodide_js": _NO_BRIDGE,
    "_pyodide": _NO_BRIDGE,
    "_pyodide_core": _NO_BRIDGE,
    "ctypes": _NO_FOREIGN,
    "_ctypes": _NO_FOREIGN,
}
_PROCESS_NAMES = frozenset(
    "fork forkpty system popen posix_spawn posix_spawnp wait waitpid waitid wait3 wait4 kill killpg "
    "execl execle execlp execlpe execv execve execvp execvpe "
    "spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe".split()
)


class _MissingModules:
    """A finder that answers for modules which must not be found anywhere else."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        reason = _MODULES.get(name)
        if reason is not None:
            raise ModuleNotFoundError(f"No module named {name!r}: {reason}", name=name)
        return None


def _refusing(name, kind, *args):
    def refuse(*_args, **_options):
        raise kind(*args)

    refuse.__name__ = refuse.__qualname__ = name
    return refuse


def _refuse_processes():
    for name in _PROCESS_NAMES:
        if hasattr(os, name):
            # Taken away and not replaced: libraries ask with hasattr whether there are processes.
            delattr(os, name)
    os.__getattr__ = _missing_of_os
    subprocess.Popen.__init__ = _refusing("__init__", OSError, errno.ENOTSUP, _NO_PROCESSES)
    subprocess.Popen.__del__ = lambda self: None


def _missing_of_os(name):
    reason = f": {_NO_PROCESSES}" if name in _PROCESS_NAMES else ""
    raise AttributeError(f"module 'os' has no attribute {name!r}{reason}", name=name, obj=os)


def _refuse_threads():
    refusal = _refusing("start_new_thread", RuntimeError, _NO_THREADS)
    _thread.start_new_thread = _thread.start_new = _thread.start_joinable_thread = refusal
    threading._start_joinable_thread = refusal


def _refuse_sockets():
    refusal = (OSError, errno.ENOTSUP, _NO_SOCKETS)
    socket.socket.__init__ = _refusing("__init__", *refusal)
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "create_connection", "socketpair"):
        setattr(socket, name, _refusing(name, *refusal))
    socket.socket.__del__ = lambda self: None


def install():
    """At image build."""
    sys.meta_path.insert(0, _MissingModules)
    for name in [loaded for loaded in sys.modules if loaded.partition(".")[0] in _MODULES]:
        del sys.modules[name]
    # No other finder, and no cleaned-out list of finders, makes this one: its code is in the binary.
    sys.modules["_pyodide_core"] = None
    _refuse_processes()
    _refuse_threads()
    _refuse_sockets()
