"""An exception that nobody caught in, what the host is told of it out: as Python words it, without frames of ours."""

import errno
import os
import sys
import traceback

# Longest texts that the host takes.
_MESSAGE_LENGTH = 1_600
_TRACEBACK_LENGTH = 8_000
# What a MemoryError says that has nothing to do with memory: a program is nested too deeply (Parser/pegen_errors.c).
_PARSER = "Parser stack overflowed"
_OURS = os.path.dirname(__file__) + "/"


def _bounded(text, length):
    if len(text) > length:
        text = f"{text[: length // 4]}\n…\n{text[-(length - length // 4) :]}"
    return text.encode("utf-8", "backslashreplace").decode()


def _without_ours(told, seen):
    """Takes our frames out of an exception and of all behind it."""
    if told is None or id(told) in seen:
        return
    seen.add(id(told))
    told.stack[:] = [frame for frame in told.stack if not frame.filename.startswith(_OURS)]
    for behind in (told.__cause__, told.__context__, *(told.exceptions or ())):
        _without_ours(behind, seen)


def _from_program(told, filename):
    """Above the program's own frames stand those of the loop that ran it."""
    places = [index for index, frame in enumerate(told.stack) if frame.filename == filename]
    del told.stack[: places[0] if places else None]


def traceback_text(error, filename):
    """The traceback that Python prints for an uncaught exception of the program `filename`."""
    told = traceback.TracebackException(error.__class__, error, error.__traceback__, compact=True)
    _without_ours(told, set())
    _from_program(told, filename)
    if not told.stack:
        told.stack = None
    return "".join(told.format())


def name_of(error):
    """A class's name as tracebacks show it."""
    kind = error.__class__
    return kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"


def _code_of(error):
    code = getattr(error, "code", None)
    if isinstance(code, str):
        return code
    number = error.errno if isinstance(error, OSError) else None
    return errno.errorcode.get(number) if isinstance(number, int) else None


def _message_of(error):
    try:
        return str(error)
    except Exception:
        return "<exception str() failed>"


def describe(error, filename, kind):
    """What the host is told: `{kind, name, message, traceback, code?}`, bounded, whatever the exception does.

    The kind is `memory` for a MemoryError. Raises one, or a RecursionError, where there is no room for the name.
    """
    report = {"kind": kind, "name": "", "message": "", "traceback": ""}
    try:
        report["name"] = _bounded(name_of(error), 100)
        report["message"] = _bounded(_message_of(error), _MESSAGE_LENGTH)
        if report["name"] == "MemoryError" and not report["message"].startswith(_PARSER):
            report["kind"] = "memory"
        code = _code_of(error)
        if code is not None:
            report["code"] = _bounded(code, 100)
        if kind != "value":
            report["traceback"] = _bounded(traceback_text(error, filename), _TRACEBACK_LENGTH)
    except (MemoryError, RecursionError):
        # There is no room to say more.
        if not report["name"]:
            raise
    except Exception as failure:
        report["name"] = report["name"] or "Exception"
        report["traceback"] = f"the traceback could not be made: {name_of(failure)}"
    return report


def print_uncaught(error, text):
    """What `python program.py` does with an uncaught exception: its hook, or the traceback on stderr."""
    if sys.excepthook is not sys.__excepthook__:
        sys.excepthook(error.__class__, error, error.__traceback__)
    elif sys.stderr is not None:
        sys.stderr.write(text)
