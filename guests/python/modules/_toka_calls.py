"""Host calls: blocking ones, and begun ones that an event loop waits for."""

import _toka
from _toka_decode import decode
from _toka_errors import Failure, error_of
from _toka_operations import ToolCall

# Begun calls by id: the future that waits for each.
_waiting = {}


def failure_of(payload):
    """The exception for the encoded `{code, message}` of a failed call."""
    report = decode(payload)
    return error_of(str(report.get("code", "")), str(report.get("message", "the host call failed")))


def host_call(operation, argument=b""):
    """A host call that blocks until it is answered. Raises what the failure's code stands for."""
    try:
        return _toka.call(operation, argument)
    except Failure as failure:
        error = failure_of(failure.args[0])
    raise error


def begin_call(operation, argument, future):
    """Starts a host call whose payload becomes the future's result."""
    try:
        call = _toka.begin(operation, argument)
    except Failure as failure:
        error = failure_of(failure.args[0])
    else:
        _waiting[call] = future
        return
    raise error


def calls_under_way():
    """How many begun calls somebody waits for."""
    return sum(not future.done() for future in _waiting.values())


def settle_calls():
    """Gives the results of finished calls to those who wait. Calls that nobody waits for any more are dropped."""
    while (finished := _toka.next()) is not None:
        call, failed, payload = finished
        future = _waiting.pop(call, None)
        if future is None or future.done():
            continue
        if failed:
            future.set_exception(failure_of(payload))
        else:
            future.set_result(payload)


def forget_calls():
    """At the start of a run: nothing of an earlier one is waited for."""
    _waiting.clear()


def tool_argument(name, encoded):
    """What a call of a tool carries: u32 length of the name, the name, the encoded input."""
    text = name.encode()
    return len(text).to_bytes(4, "little") + text + encoded


def call_tool(name, encoded):
    """Calls a tool, or a service of the host, and blocks until it has answered."""
    return decode(host_call(ToolCall, tool_argument(name, encoded)))
