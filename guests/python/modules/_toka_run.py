"""One run: the program comes from the host, runs in `__main__`, and what it came to goes back. State stays."""

import __future__

import ast
import asyncio
import atexit
import collections
import linecache
import os
import sys
import types
from asyncio import runners

import _toka
import _toka_calls
import toka
from _toka_decode import decode, decode_run
from _toka_encode import encode, encode_result
from _toka_errors import ValueTooLarge, ValueUnsupported
from _toka_loop import HostEventLoop
from _toka_operations import EngineCommand, EngineExit, EngineFail, EngineFinish, ProcessInfo
from _toka_report import describe, print_uncaught
from _toka_room import MEMORY_REPORT, collect_cycles, keep_room, make_room
from _toka_streams import flush_streams, open_streams
from _toka_values import undefined
from toka import _display, _tools

_FUTURES = 0
for _name in __future__.all_feature_names:
    _FUTURES |= getattr(__future__, _name).compiler_flag
_COROUTINE = 0x80
# CPython's own limit.
_RECURSION = 1_000
# How often a name was run in this sandbox: tracebacks into each run show the lines that it had.
_names = {}
# Runs whose lines are kept.
_KEPT = 500
_kept = collections.deque()
_state = {"loop": None, "environment": False, "futures": 0}


class _Unparsed(Exception):
    """Carries what the compiler said, which is not the program's own exception."""


def run():
    """The engine's entry: fetches a command, runs it, and says Finish, Fail or Exit once."""
    try:
        was_full = _run()
    except MemoryError:
        make_room()
        _toka.call(EngineFail, MEMORY_REPORT)
        was_full = True
    if was_full:
        # Only now does nothing hold the frames of the exception any more.
        collect_cycles()


def _run():
    """Whether the program took all memory."""
    keep_room()
    command = decode_run(_toka.call(EngineCommand, b""))
    _begin(command)
    filename = _name_source(command)
    is_script = command["kind"] == "script"
    operation, payload = _outcome(command, filename, is_script)
    if is_script:
        atexit._run_exitfuncs()
    flush_streams()
    _toka.call(operation, payload)
    return payload is MEMORY_REPORT


def _outcome(command, filename, is_script):
    """The operation that ends the run, with what it carries."""
    try:
        value = _execute(_units(command["source"], filename), sys.modules["__main__"].__dict__)
        # What comes now is ours: a value may be as deep as the format allows.
        sys.setrecursionlimit(max(sys.getrecursionlimit(), _RECURSION))
        return EngineFinish, _encoded(value, is_script)
    except SystemExit as end:
        make_room()
        return EngineExit, _exit_code(end).to_bytes(4, "little")
    except _Unparsed as unparsed:
        return _failed(unparsed.args[0], filename, is_script, "syntax")
    except _NoForm as no_form:
        return _failed(no_form.args[0], filename, is_script, "value")
    except BaseException as error:
        make_room()
        sys.setrecursionlimit(max(sys.getrecursionlimit(), _RECURSION))
        return _failed(error, filename, is_script, "error")


def _failed(error, filename, is_script, kind):
    make_room()
    error.__context__ = None if kind != "error" else error.__context__
    report = describe(error, filename, kind)
    if is_script and kind != "value":
        print_uncaught(error, report["traceback"])
    return EngineFail, encode(report) if report["kind"] != "memory" else MEMORY_REPORT


def _begin(command):
    """What belongs to one run is read anew."""
    _toka_calls.forget_calls()
    _tools.list_anew()
    _read_environment()
    open_streams()
    filename = command["filename"]
    sys.argv = [filename, *command.get("args", ())]
    folder = os.path.dirname(filename)
    sys.path[0] = folder
    # Files may have come since the last run; a directory's time is too coarse to tell.
    for place in {folder, "", os.getcwd(), "/lib/site-packages"}:
        sys.path_importer_cache.pop(place, None)
    payload = command.get("input")
    toka.input = None if payload is None else decode_run(payload)
    main = sys.modules["__main__"].__dict__
    main["__file__"] = filename
    main.pop("__warningregistry__", None)


def _read_environment():
    """Once in a sandbox's life: the image has the environment of the one who made it."""
    if _state["environment"]:
        return
    _state["environment"] = True
    given = decode(_toka.call(ProcessInfo, b""))["env"]
    for name in list(os.environ):
        if name.startswith("PYTHON"):
            del os.environ[name]
    for name, text in given.items():
        os.environ[name] = text


def _name_source(command):
    """The program's name in tracebacks, with its lines kept: one name never stands for two sources."""
    name, source = command["filename"], command["source"]
    count = 1 if command["kind"] == "script" else _names.get(name, 0) + 1
    _names[name] = count
    shown = name if count == 1 else f"{name} (run {count})"
    # Without a time of change linecache never looks for a file of this name.
    _kept.append(shown)
    if len(_kept) > _KEPT:
        linecache.cache.pop(_kept.popleft(), None)
    linecache.cache[shown] = (len(source), None, source.splitlines(True), shown)
    return shown


def _units(source, filename):
    """The program as code objects: its statements, and its last expression if it ends in one."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | _state["futures"]
    try:
        tree = compile(source, filename, "exec", ast.PyCF_ONLY_AST | flags, dont_inherit=True)
        last = tree.body[-1] if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        if last is not None:
            tree.body.pop()
        statements = []
        if tree.body:
            statements.append(compile(tree, filename, "exec", flags, dont_inherit=True))
            _state["futures"] |= statements[0].co_flags & _FUTURES
        if last is None:
            return statements, None
        flags |= _state["futures"]
        return statements, compile(ast.Expression(last.value), filename, "eval", flags, dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError) as error:
        # The frames are ours alone.
        raise _Unparsed(error.with_traceback(None)) from None
    except SystemError:
        # "returned NULL without setting an exception": what CPython's compiler says when memory ends inside it.
        raise MemoryError from None


def _execute(units, namespace):
    """Runs code objects one after the other, in an event loop when one of them awaits."""
    statements, expression = units
    codes = statements if expression is None else [*statements, expression]
    if any(code.co_flags & _COROUTINE for code in codes):
        value = _run_in_loop(_drive(codes, namespace))
    else:
        for code in codes:
            value = eval(code, namespace)
    return undefined if expression is None else value


async def _drive(codes, namespace):
    for code in codes:
        value = eval(code, namespace)
        if code.co_flags & _COROUTINE:
            value = await value
    return value


def _run_in_loop(main):
    """The one loop of the sandbox; what a run leaves pending is cancelled at its end, as asyncio.run does."""
    if _state["loop"] is None or _state["loop"].is_closed():
        _state["loop"] = HostEventLoop()
    loop = _state["loop"]
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main)
    finally:
        try:
            runners._cancel_all_tasks(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)


class _NoForm(Exception):
    """Carries why a result cannot cross."""


def _encoded(value, is_script):
    """The result's bytes. What is a by-product of a last statement has none; what has a rich form is displayed."""
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType, type)):
        value = undefined
    try:
        return encode_result(value)
    except (ValueUnsupported, ValueTooLarge) as error:
        if isinstance(error, ValueUnsupported) and _shown(value):
            return encode_result(undefined)
        if is_script and isinstance(error, ValueUnsupported):
            return encode_result(undefined)
        raise _NoForm(error.with_traceback(None)) from None


def _shown(value):
    """Displays an object that has forms beside its repr, as notebooks do with a last expression."""
    if _display.rich_forms(value) is None:
        return False
    _display.display(value)
    return True


def _exit_code(end):
    """What `sys.exit` was given, as the system takes it: another object than an int is told on stderr."""
    code = end.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1
