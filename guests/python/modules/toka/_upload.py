"""Bodies of requests that are sent piece by piece, each when the one before was taken."""

from toka._services import ANSWER, OPEN, SEND, give_up

# Bytes that cross at once, and that are asked of a file.
_PIECE = 65_536
_END = object()


class _File:
    """What has `read`: asked for as much as crosses, and left open."""

    def __init__(self, file):
        self._read = file.read

    async def next(self):
        return self._read(_PIECE) or _END

    async def stop(self):
        pass


class _Pieces:
    """An iterable. A generator that is not asked for all of it is closed."""

    def __init__(self, iterable):
        self._iterator = iter(iterable)

    async def next(self):
        return next(self._iterator, _END)

    async def stop(self):
        close = getattr(self._iterator, "close", None)
        if close is not None:
            close()


class _LatePieces:
    """An asynchronous iterable, in the same way."""

    def __init__(self, iterable):
        self._iterator = iterable.__aiter__()

    async def next(self):
        return await anext(self._iterator, _END)

    async def stop(self):
        close = getattr(self._iterator, "aclose", None)
        if close is not None:
            await close()


def source_of(body, blocks):
    """Where the pieces of a body come from: a file, an iterable, or an asynchronous one."""
    if hasattr(body, "__aiter__"):
        if blocks:
            raise TypeError("an asynchronous iterable is sent by fetch.aio, which awaits it")
        return _LatePieces(body)
    if hasattr(body, "read"):
        return _File(body)
    if hasattr(body, "__iter__"):
        return _Pieces(body)
    kind = type(body).__name__
    raise TypeError(f"a body is text, bytes, a file, or an iterable of bytes, not {kind}")


def _bytes_of(piece):
    try:
        view = memoryview(piece)
    except TypeError:
        hint = ": open the file in binary mode, or encode it" if isinstance(piece, str) else ""
        raise TypeError(f"the pieces of a body are bytes, not {type(piece).__name__}{hint}") from None
    return view.cast("B") if view.c_contiguous and view.nbytes else memoryview(view.tobytes())


async def _send(way, number, piece):
    """Answers False when no more is wanted: the answer is there."""
    view = _bytes_of(piece)
    for at in range(0, len(view), _PIECE):
        if not await way.call(SEND, [number, view[at : at + _PIECE]]):
            return False
    return True


async def _send_all(way, number, source):
    while (piece := await source.next()) is not _END:
        if not await _send(way, number, piece):
            return await source.stop()
    await way.call(SEND, [number, b""])


async def upload(way, asked, source):
    """Sends a request, then its body to the end, and answers what the host answers.

    Whatever ends it early closes the connection and the source; what the source raises is raised here.
    """
    number = 0
    try:
        number = await way.request(OPEN, asked, lambda number: number)
        await _send_all(way, number, source)
        return await way.call(ANSWER, number)
    except BaseException as error:
        try:
            give_up(number)
        finally:
            # A coroutine that is closed may not await: what an asynchronous generator holds is the event loop's to close.
            if not isinstance(error, GeneratorExit):
                await source.stop()
        raise
