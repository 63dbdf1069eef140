"""`tools`: the host's tools as functions with a signature and documentation, listed anew in every run."""

import inspect
import keyword

from _toka_calls import begin_call, call_tool, host_call, tool_argument
from _toka_decode import decode
from _toka_encode import encode
from _toka_errors import UnknownTool
from _toka_loop import call_future
from _toka_operations import ToolCall, ToolList
from _toka_schema import annotation_of, documentation_of
from _toka_values import RUN_NODES


def _parameters_of(schema):
    """The parameters that a signature can show: all are given by name."""
    required = schema.get("required", [])
    parameters = []
    for name, property in schema.get("properties", {}).items():
        if not name.isidentifier() or keyword.iskeyword(name):
            continue
        default = property.get("default", inspect.Parameter.empty if name in required else None)
        parameters.append(
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation_of(property)
            )
        )
    if schema.get("additionalProperties", False) is not False:
        parameters.append(inspect.Parameter("more", inspect.Parameter.VAR_KEYWORD))
    return parameters


def _signature_of(description):
    output = description.get("output")
    returns = inspect.Signature.empty if output is None else annotation_of(output)
    return inspect.Signature(_parameters_of(description["input"]), return_annotation=returns)


def _refuse_positional(name, function):
    raise TypeError(f"{name} takes its arguments by name: {name}{inspect.signature(function)}")


def _make_tool(description):
    """A blocking function for a tool; its attribute `aio` is the one to await."""
    name = description["name"]

    def call(*args, **arguments):
        if args:
            _refuse_positional(name, call)
        return call_tool(name, encode(arguments))

    async def aio(*args, **arguments):
        if args:
            _refuse_positional(f"{name}.aio", aio)
        future = call_future()
        begin_call(ToolCall, tool_argument(name, encode(arguments)), future)
        return decode(await future)

    signature = _signature_of(description)
    documentation = documentation_of(description)
    for function, title in ((call, name), (aio, f"{name}.aio")):
        function.__name__ = title.rpartition(".")[2]
        function.__qualname__ = f"tools.{title}"
        function.__module__ = "toka"
        function.__doc__ = documentation
        function.__signature__ = signature
        function.__annotations__ = {
            **{parameter.name: parameter.annotation for parameter in signature.parameters.values()},
            **({} if signature.return_annotation is signature.empty else {"return": signature.return_annotation}),
        }
    call.aio = aio
    call.schema = description["input"]
    call.read_only = description.get("readOnly", False)
    return call


class _Tools:
    """The host's tools: `tools.name(key=value)` blocks, `await tools.name.aio(key=value)` lets others run."""

    __module__ = "toka"

    def __init__(self):
        self._table = None

    def _listed(self):
        if self._table is None:
            descriptions = decode(host_call(ToolList), RUN_NODES)
            self._table = {description["name"]: _make_tool(description) for description in descriptions}
        return self._table

    def __getattr__(self, name):
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        tool = self._listed().get(name)
        if tool is None:
            known = ", ".join(self._listed())[:500]
            there = f"there are: {known}" if known else "this sandbox has no tools"
            raise UnknownTool(f"no tool is named {name!r}; {there}")
        return tool

    def __getitem__(self, name):
        return getattr(self, name)

    def __iter__(self):
        return iter(self._listed())

    def __len__(self):
        return len(self._listed())

    def __contains__(self, name):
        return name in self._listed()

    def __dir__(self):
        return list(self._listed())

    def __repr__(self):
        return f"<tools: {', '.join(self._listed()) or 'none'}>"

    def __reduce__(self):
        raise TypeError("the tools of a sandbox cannot be pickled")


tools = _Tools()


def list_anew():
    """At the start of a run: its tools may be others."""
    tools._table = None
