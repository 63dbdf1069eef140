"""What went wrong in a host call, as the exception that a Python program expects."""

import errno


class TokaError(Exception):
    """An error of the sandbox. `code` is stable (TOKA_...), `message` is for people."""

    code = "TOKA_GUEST_ERROR"

    def __init__(self, message="", code=None):
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class ValueUnsupported(TokaError, ValueError):
    """A value that cannot cross the border of the sandbox."""

    code = "TOKA_VALUE_UNSUPPORTED"


class ValueTooLarge(TokaError, ValueError):
    """A value with too many bytes, too many values in it, or too deep."""

    code = "TOKA_VALUE_SIZE"


class ToolError(TokaError):
    """A host tool failed, or there is none of that name."""

    code = "TOKA_TOOL_FAILED"


class ToolInputError(ToolError, ValueError):
    """The arguments of a tool do not match its schema."""

    code = "TOKA_TOOL_INPUT"


class UnknownTool(ToolError, AttributeError):
    """There is no tool of this name."""

    code = "TOKA_TOOL_UNKNOWN"


class _SystemError(TokaError, OSError):
    """An OSError with a code: its number is fixed, its text is the host's."""

    number = errno.EIO

    def __init__(self, message="", code=None):
        TokaError.__init__(self, message, code)
        self.errno = self.number
        self.strerror = message

    def __str__(self):
        return self.message


class NeverSettled(TokaError, RuntimeError):
    """Every task waits for something that can never happen."""

    code = "TOKA_GUEST_UNSETTLED"


class Denied(_SystemError, PermissionError):
    """The sandbox's grants do not allow it."""

    code = "TOKA_DENIED"
    number = errno.EACCES


class NetworkError(_SystemError, ConnectionError):
    """A request could not be made, or its connection broke."""

    code = "TOKA_NET_FAILED"
    number = errno.ECONNABORTED


class NetworkTimeout(_SystemError, TimeoutError):
    """The host of a request did not answer in time."""

    code = "TOKA_NET_TIMEOUT"
    number = errno.ETIMEDOUT


class Failure(Exception):
    """A failed host call as the bridge raises it: its one argument is the encoded `{code, message}`."""


PUBLIC = (
    TokaError,
    ValueUnsupported,
    ValueTooLarge,
    ToolError,
    ToolInputError,
    UnknownTool,
    NeverSettled,
    Denied,
    NetworkError,
    NetworkTimeout,
)

_BY_CODE = {
    "TOKA_DENIED": Denied,
    "TOKA_TOOL_FAILED": ToolError,
    "TOKA_TOOL_INPUT": ToolInputError,
    "TOKA_TOOL_OUTPUT": ToolError,
    "TOKA_TOOL_UNKNOWN": UnknownTool,
    "TOKA_NET_FAILED": NetworkError,
    "TOKA_NET_SIZE": NetworkError,
    "TOKA_NET_TIMEOUT": NetworkTimeout,
    "TOKA_VALUE_UNSUPPORTED": ValueUnsupported,
    "TOKA_VALUE_SIZE": ValueTooLarge,
}

for _error in PUBLIC:
    _error.__module__ = "toka"


def error_of(code, message):
    """The exception for a failure's code and message: errno names become OSErrors of their kind."""
    kind = _BY_CODE.get(code)
    if kind is not None:
        return kind(message, code)
    number = getattr(errno, code, None) if code.startswith("E") else None
    if number is not None:
        return OSError(number, message)
    return TokaError(message, code)
