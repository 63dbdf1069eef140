"""Services of the host, by names that no tool can have: one program of steps, asked blocking or awaited."""

import asyncio

from _toka_calls import begin_call, call_tool, tool_argument
from _toka_decode import decode
from _toka_encode import encode
from _toka_loop import call_future
from _toka_operations import ToolCall

# docs/network.md
ASK, READ, CANCEL = "toka:fetch", "toka:read", "toka:cancel"
OPEN, SEND, ANSWER = "toka:open", "toka:send", "toka:answer"


def give_up(number):
    """Tells the host that nobody reads a body, or sends it, any further. Answered at once, and never refused."""
    if number:
        call_tool(CANCEL, encode(number))


class Blocking:
    """Each call blocks until it is answered, so that a coroutine over these never waits."""

    blocks = True

    @staticmethod
    async def call(name, encoded):
        """What a service answers."""
        return call_tool(name, encoded)

    @staticmethod
    async def call_for(name, encoded, _number_of):
        """What a service answers that begins something."""
        return call_tool(name, encoded)


class Awaited:
    """Others run while a call is under way."""

    blocks = False

    @staticmethod
    async def call(name, encoded):
        """What a service answers."""
        future = call_future()
        begin_call(ToolCall, tool_argument(name, encoded), future)
        return decode(await future)

    @staticmethod
    async def call_for(name, encoded, number_of):
        """What a service answers that begins something: given up when it comes and nobody waits for it any more."""
        future = call_future()
        begin_call(ToolCall, tool_argument(name, encoded), future)
        try:
            return decode(await asyncio.shield(future))
        except BaseException:
            future.add_done_callback(lambda late: _drop(late, number_of))
            raise


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
