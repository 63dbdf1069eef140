"""The values that Python has no type of its own for, and how large a value may be (docs/values.md)."""

from datetime import datetime, timedelta, timezone

SAFE = 2**53 - 1
# Values of every kind in one value, keys too, and containers within each other.
CALL_NODES = 65_536
RUN_NODES = 1_000_000
DEPTH = 128
STRUCTURED_BYTES = 131_072
FLAT_BYTES = 4_194_304
RUN_BYTES = 16_777_216
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
ERROR_TAG = 0x544F4B41


class Undefined:
    """JavaScript's `undefined`, which is not `None`. There is one: `toka.undefined`."""

    __slots__ = ()
    __module__ = "toka"
    _the_one = None

    def __new__(cls):
        if cls._the_one is None:
            cls._the_one = super().__new__(cls)
        return cls._the_one

    def __repr__(self):
        return "undefined"

    def __bool__(self):
        return False

    def __reduce__(self):
        return (Undefined, ())


undefined = Undefined()


class BigInt(int):
    """An int that crosses as a big integer however small it is: JavaScript's `10n`."""

    __slots__ = ()
    __module__ = "toka"


class Map(dict):
    """A dict that crosses as a Map although all its keys are strings."""

    __slots__ = ()
    __module__ = "toka"


class RemoteError(Exception):
    """An error that came as a value: `name`, and the message as its text."""

    __module__ = "toka"

    def __init__(self, message="", name="Error", cause=None):
        super().__init__(message)
        self.name = name
        # What JavaScript has as a cause need not be an error.
        self.cause = cause
        if isinstance(cause, BaseException):
            self.__cause__ = cause
