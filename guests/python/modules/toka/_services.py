"""Services of the host, by names that no tool can have: one program of steps, asked blocking or awaited."""

import asyncio
import itertools

from _toka_calls import begin_call, call_tool, tool_argument
from _toka_decode import decode
from _toka_encode import encode
from _toka_loop import call_future
from _toka_operations import ToolCall
from _toka_values import FLAT_BYTES

# docs/network.md
ASK, READ, CANCEL = "toka:fetch", "toka:read", "toka:cancel"
OPEN, SEND, ANSWER = "toka:open", "toka:send", "toka:answer"


# Keys of requests that are under way: below zero, where no number of a body is.
_keys = itertools.count(1)


def give_up(number):
    """Tells the host that nobody waits any further for what has this number or key. Answered at once, and never refused."""
    if number:
        call_tool(CANCEL, encode(number))


def _encoded(asked):
    # A body may be in it: the host takes as much as it takes of bytes.
    return encode(asked, structured=FLAT_BYTES)


class Blocking:
    """Each call blocks until it is answered, so that a coroutine over these never waits."""

    blocks = True

    @staticmethod
    async def call(name, argument):
        """What a service answers."""
        return call_tool(name, encode(argument))

    @staticmethod
    async def request(name, asked, _number_of):
        """What a service answers that begins something."""
        return call_tool(name, _encoded(asked))


class Awaited:
    """Others run while a call is under way."""

    blocks = False

    @staticmethod
    async def call(name, argument):
        """What a service answers."""
        future = call_future()
        begin_call(ToolCall, tool_argument(name, encode(argument)), future)
        return decode(await future)

    @staticmethod
    async def request(name, asked, number_of):
        """What a service answers that begins something, which ends when nobody waits for it any more."""
        future = call_future()
        key = -next(_keys)
        begin_call(ToolCall, tool_argument(name, _encoded({**asked, "key": key})), future)
        try:
            # Unlike `await future`, this lets the future be when it is cancelled.
            await asyncio.wait((future,))
        except BaseException:
            give_up(key)
            future.add_done_callback(lambda late: _drop(late, number_of))
            raise
        return decode(future.result())


def _drop(late, number_of):
    if not late.cancelled() and late.exception() is None:
        give_up(number_of(decode(late.result())))


def finish(coroutine):
    """Runs a coroutine over Blocking to its end."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("a blocking call was awaited")
