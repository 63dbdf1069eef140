"""What a program in a sandbox has beside Python itself: host tools, its input, progress, display and gated requests.

    from toka import tools, input, progress, display, fetch

    customer = tools.lookup(id="7")              # blocks
    a, b = await asyncio.gather(tools.lookup.aio(id="7"), tools.lookup.aio(id="8"))
    help(tools.lookup)

`input` is the value that the run was given, None without one.
"""

from _toka_errors import (
    Denied,
    NetworkError,
    NetworkTimeout,
    NeverSettled,
    TokaError,
    ToolError,
    ToolInputError,
    UnknownTool,
    ValueTooLarge,
    ValueUnsupported,
)
from _toka_values import BigInt, Map, RemoteError, Undefined, undefined

from toka._display import display, progress
from toka._fetch import Response, fetch
from toka._tools import tools

input = None

__all__ = [
    "BigInt",
    "Denied",
    "Map",
    "NetworkError",
    "NetworkTimeout",
    "NeverSettled",
    "RemoteError",
    "Response",
    "TokaError",
    "ToolError",
    "ToolInputError",
    "Undefined",
    "UnknownTool",
    "ValueTooLarge",
    "ValueUnsupported",
    "display",
    "fetch",
    "input",
    "progress",
    "tools",
    "undefined",
]
