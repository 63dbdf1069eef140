"""The standard streams between runs: what one run has read, closed or left in a buffer is nothing to the next."""

import io
import sys


class _Input(io.FileIO):
    """Descriptor 0, which knows whether it was read."""

    was_read = False

    def readinto(self, buffer):
        self.was_read = True
        return super().readinto(buffer)

    def readall(self):
        self.was_read = True
        return super().readall()


def _open_input():
    raw = _Input(0, "rb", closefd=False)
    buffer = io.BufferedReader(raw)
    return io.TextIOWrapper(buffer, encoding="utf-8", errors="surrogateescape")


def _open_output(descriptor, errors):
    raw = io.FileIO(descriptor, "wb", closefd=False)
    raw.name = "<stdout>" if descriptor == 1 else "<stderr>"
    stream = io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors=errors, line_buffering=True)
    stream.mode = "w"
    return stream


def open_streams():
    """Makes the streams anew where a program closed, read or took them away."""
    if sys.__stdin__ is None or sys.__stdin__.closed or getattr(sys.__stdin__.buffer.raw, "was_read", True):
        is_taken = sys.stdin is not sys.__stdin__ and sys.stdin is not None and not sys.stdin.closed
        sys.__stdin__ = _open_input()
        if not is_taken:
            sys.stdin = sys.__stdin__
    for name, descriptor, errors in (("stdout", 1, "surrogateescape"), ("stderr", 2, "backslashreplace")):
        kept = getattr(sys, f"__{name}__")
        if not isinstance(kept, io.TextIOWrapper) or kept.closed or kept.buffer.raw.__class__ is not io.FileIO:
            kept = _open_output(descriptor, errors)
            setattr(sys, f"__{name}__", kept)
        if getattr(sys, name) is None or getattr(getattr(sys, name), "closed", False):
            setattr(sys, name, kept)


def flush_streams():
    """At the end of a run: everything that was printed is told."""
    for stream in {id(s): s for s in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)}.values():
        try:
            stream.flush()
        except Exception:
            pass
