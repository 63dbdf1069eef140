"""Runs one module of CPython's own tests inside a sandbox, or one class of it; its last expression is what became of each test."""

import importlib
import io
import os
import sys
import tempfile
import types
import unittest

from toka import input

sys.path.insert(0, input["path"])
import test.support as support

support.verbose = 0
support.use_resources = ["cpu"]
# Tests that would take more memory than a sandbox has say so by themselves.
support.max_memuse = 0


def only_what_needs_sockets(*, module=False):
    """Whole modules of asyncio's tests want sockets for a few tests: those are skipped one by one."""
    return None if module else unittest.skipUnless(support.has_socket_support, "a sandbox has no sockets")


def needs_subprocess(*_args):
    raise unittest.SkipTest("a sandbox has no subprocess")


support.requires_working_socket = only_what_needs_sockets
# The tools of the checkout are run as processes.
tools = types.ModuleType("test.test_tools")
tools.skip_if_missing = tools.imports_under_tool = needs_subprocess
tools.toolsdir = "/cpython/Tools"
sys.modules["test.test_tools"] = tools
# What a sandbox refuses, in the words of its refusals.
ABSENT = {"no threads": "threads", "no processes": "subprocess", "no sockets": "sockets", "no signals": "signals"}


class Result(unittest.TestResult):
    """Every test once: passed, failed with the end of its traceback, or skipped with a reason."""

    def __init__(self):
        super().__init__()
        self.told = {}

    def startTest(self, test):
        super().startTest(test)
        # If the sandbox does not live through it, this is the last line that the host has.
        os.write(2, f"{test.id()}\n".encode())

    def tell(self, test, outcome, reason=""):
        name = test.id() if hasattr(test, "id") else str(test)
        if outcome == "failed":
            for words, what in ABSENT.items():
                if f"a sandbox has {words}" in reason:
                    outcome, reason = "skipped", f"a sandbox has no {what}"
        before = self.told.get(name)
        # One failing subtest makes its test a failure; one skipped subtest does not make it skipped.
        if before is None or before[0] == "passed" or outcome == "failed":
            self.told[name] = [outcome, reason]

    def addSuccess(self, test):
        self.tell(test, "passed")

    def addSkip(self, test, reason):
        self.tell(test, "skipped", str(reason))

    def addExpectedFailure(self, test, error):
        self.tell(test, "passed")

    def addUnexpectedSuccess(self, test):
        self.tell(test, "failed", "unexpected success")

    def addFailure(self, test, error):
        self.tell(test, "failed", self.last_lines(error))

    addError = addFailure

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.tell(test, "failed", self.last_lines(error))

    def last_lines(self, error):
        import traceback

        kind, value, place = error
        frames = [frame for frame in traceback.extract_tb(place) if "unittest" not in frame.filename]
        at = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno} " if frames else ""
        return (at + "".join(traceback.format_exception_only(kind, value)).strip())[:600]


def class_of(test):
    return f"{type(test).__module__}.{type(test).__qualname__}"


def classes_in(suite):
    found = {}
    for test in suite:
        found.update(classes_in(test) if isinstance(test, unittest.TestSuite) else {class_of(test): None})
    return found


def without(suite, left, result):
    """The suite without the tests that are left out: by their whole names, those of their methods, or their class."""
    kept = unittest.TestSuite()
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            kept.addTest(without(test, left, result))
        elif test.id() in left["names"] or left["only"] not in (None, class_of(test)):
            continue
        elif any(test.id().endswith(f".{method}") for method in left["methods"]):
            result.tell(test, "skipped", left["reason"])
        else:
            kept.addTest(test)
    return kept


def run(name, left):
    result = Result()
    try:
        module = importlib.import_module(name)
    except unittest.SkipTest as skip:
        return {name: ["skipped", str(skip)]}
    suite = without(unittest.defaultTestLoader.loadTestsFromModule(module), left, result)
    # What tests print is nobody's; a module that fails to load is one failed test.
    out, sys.stdout, sys.stderr = (sys.stdout, sys.stderr), io.StringIO(), io.StringIO()
    try:
        suite.run(result)
    finally:
        sys.stdout, sys.stderr = out
    return result.told


def classes(name):
    return list(classes_in(unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(name))))


os.chdir(tempfile.mkdtemp())
classes(input["module"]) if input["left"] is None else run(input["module"], input["left"])
