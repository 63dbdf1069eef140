"""Image build: imports what programs use, puts our doors in place, and leaves a clean `__main__`."""

import sys

# The modules that every program finds imported in its image: importing one costs 5 to 100 ms, finding it nothing. What
# they take of each sandbox's memory is why there are not more.
STDLIB = (
    "abc argparse array ast asyncio atexit base64 bisect calendar cmath codecs collections collections.abc contextlib "
    "contextvars copy copyreg csv dataclasses datetime decimal difflib email.message email.parser enum "
    "fnmatch fractions functools glob gzip hashlib heapq hmac html html.parser http.client "
    "inspect io ipaddress itertools json keyword linecache locale logging math mimetypes numbers "
    "operator os pathlib pickle platform pprint queue random re reprlib secrets shlex shutil signal socket "
    "sqlite3 stat statistics string struct subprocess sys tempfile textwrap threading time timeit token "
    "tokenize traceback types typing unicodedata urllib.error urllib.parse urllib.request uuid warnings "
    "weakref xml.etree.ElementTree zipfile zlib zoneinfo"
).split()

# Those of which the image has bytecode, with what they import: seldom used, or large.
LATER = (
    "concurrent.futures configparser doctest email.policy graphlib http.cookies importlib.metadata importlib.resources "
    "optparse pydoc tarfile tomllib unittest unittest.mock xml.dom.minidom"
).split()

_KEPT = ("__name__", "__doc__", "__package__", "__loader__", "__spec__", "__builtins__")


def _clear_main():
    main = sys.modules["__main__"].__dict__
    for name in [name for name in main if name not in _KEPT]:
        del main[name]
    main["__name__"] = "__main__"
    main["__doc__"] = main["__spec__"] = main["__loader__"] = main["__package__"] = None


def _warm_up():
    """What the first traceback, the first compilation and the first loop would load and cache."""
    import ast
    import traceback

    try:
        raise ValueError("warm")
    except ValueError as error:
        "".join(traceback.TracebackException.from_exception(error).format())
    try:
        compile("x = = 1", "<warm>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError as error:
        traceback.format_exception_only(error)


def _add_builtins():
    """What the module `site` gives every program: `help`, `exit`, `quit`."""
    import _sitebuiltins
    import builtins

    builtins.help = _sitebuiltins._Helper()
    builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D")
    builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D")


def boot():
    """Called once, by the engine's image build, with `_toka` in place."""
    import _toka_imports

    _toka_imports.install()
    for name in STDLIB:
        __import__(name)
    import _toka
    import _toka_errors
    import _toka_http
    import _toka_loop
    import _toka_refusals
    import _toka_run
    import _toka_time
    from asyncio import events

    _toka_refusals.install()
    _toka_time.install()
    _toka_http.install()
    events._set_event_loop_policy(_toka_loop.HostEventLoopPolicy())
    sys.modules["asyncio"].EventLoop = sys.modules["asyncio"].SelectorEventLoop = _toka_loop.HostEventLoop
    sys.path.insert(0, "")
    sys.dont_write_bytecode = True
    _add_builtins()
    _warm_up()
    _clear_main()
    _toka.install(_toka_errors.Failure, _toka_run.run, _toka_time.reseed, MemoryError, RecursionError)
