"""Values in, deterministic CBOR out: the table and the rules are docs/values.md."""

import struct
from datetime import datetime, timezone

from _toka_errors import ValueTooLarge, ValueUnsupported
from _toka_values import (
    CALL_NODES,
    DEPTH,
    EPOCH,
    FLAT_BYTES,
    MICROSECOND,
    RUN_BYTES,
    RUN_NODES,
    SAFE,
    STRUCTURED_BYTES,
    BigInt,
    Map,
    RemoteError,
    undefined,
)

_SET_HEAD = b"\xd9\x01\x02"
_MAP_HEAD = b"\xd9\x01\x03"
_ERROR_HEAD = b"\xda\x54\x4f\x4b\x41"
_PATH_LENGTH = 160


class _Misfit(Exception):
    """A place in a value that cannot be encoded; the way to it is gathered while it passes."""

    def __init__(self, fact, kind=ValueUnsupported):
        super().__init__(fact)
        self.kind = kind
        self.path = []
        self.around = []


def _head(out, major, count):
    if count < 24:
        out.append(major | count)
    elif count < 0x100:
        out += bytes((major | 24, count))
    elif count < 0x10000:
        out.append(major | 25)
        out += count.to_bytes(2, "big")
    elif count < 0x100000000:
        out.append(major | 26)
        out += count.to_bytes(4, "big")
    else:
        out.append(major | 27)
        out += count.to_bytes(8, "big")


def _put_bignum(out, value):
    out.append(0xC2 if value >= 0 else 0xC3)
    magnitude = value if value >= 0 else -1 - value
    size = (magnitude.bit_length() + 7) // 8
    _head(out, 0x40, size)
    out += magnitude.to_bytes(size, "big")


def _put_int(out, value):
    if value.__class__ is BigInt or not -SAFE <= value <= SAFE:
        _put_bignum(out, value)
    elif value >= 0:
        _head(out, 0x00, value)
    else:
        _head(out, 0x20, -1 - value)


def put_float(out, value):
    if value != value:
        out += b"\xf9\x7e\x00"
        return
    if -SAFE <= value <= SAFE and value == (whole := int(value)) and (whole or str(value)[0] != "-"):
        _put_int(out, whole)
        return
    for initial, form in ((0xF9, ">e"), (0xFA, ">f")):
        try:
            packed = struct.pack(form, value)
        except OverflowError:
            continue
        if struct.unpack(form, packed)[0] == value:
            out.append(initial)
            out += packed
            return
    out.append(0xFB)
    out += struct.pack(">d", value)


def _put_text(out, value):
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        raise _Misfit("is a string with a surrogate, which cannot cross the border") from None
    _head(out, 0x60, len(encoded))
    out += encoded


def _put_bytes(out, value):
    size = value.nbytes if isinstance(value, memoryview) else len(value)
    _head(out, 0x40, size)
    out += value if not isinstance(value, memoryview) else value.tobytes()


def _put_date(out, value):
    # A naive datetime is local time, and the time zone of a sandbox is UTC.
    aware = value if value.tzinfo is not None else value.replace(tzinfo=timezone.utc)
    out.append(0xC1)
    put_float(out, ((aware - EPOCH) // MICROSECOND) / 1_000_000)


class _Encoder:
    __slots__ = ("limit", "nodes", "out", "room")

    def __init__(self, nodes, flat, structured):
        self.out = bytearray()
        self.nodes = nodes
        self.limit = structured
        self.room = (flat, structured)

    def put(self, value, depth):
        """Writes one value. `depth`: containers around it."""
        self.nodes -= 1
        kind = value.__class__
        out = self.out
        if kind is str:
            _put_text(out, value)
        elif kind is int:
            if 0 <= value < 24:
                out.append(value)
            else:
                _put_int(out, value)
        elif value is None:
            out.append(0xF6)
        elif value is True or value is False:
            out.append(0xF5 if value else 0xF4)
        elif kind is float:
            put_float(out, value)
        elif kind is dict:
            self.put_dict(value, depth)
        elif kind is list or kind is tuple:
            self.put_items(0x80, value, depth)
        else:
            self.put_other(value, depth)
        if len(out) > self.limit or self.nodes < 0:
            self.too_large()

    def put_other(self, value, depth):
        out = self.out
        if value is undefined:
            out.append(0xF7)
        elif isinstance(value, str):
            _put_text(out, str(value))
        elif isinstance(value, int):
            _put_int(out, value)
        elif isinstance(value, float):
            put_float(out, float(value))
        elif isinstance(value, (bytes, bytearray, memoryview)):
            _put_bytes(out, value)
        elif isinstance(value, dict):
            self.put_dict(value, depth, isinstance(value, Map))
        elif isinstance(value, (list, tuple)):
            self.put_items(0x80, value, depth)
        elif isinstance(value, (set, frozenset)):
            out += _SET_HEAD
            self.put_items(0x80, value, depth)
        elif isinstance(value, datetime):
            _put_date(out, value)
        elif isinstance(value, BaseException):
            self.put_error(value, depth)
        else:
            raise _Misfit(f"is of type {_type_name(value)}, which cannot cross the border{_hint(value)}")

    def enter(self, value, depth):
        if depth >= DEPTH:
            misfit = _Misfit(f"is deeper than {DEPTH} levels", ValueTooLarge)
            misfit.around.append(id(value))
            raise misfit

    def put_items(self, major, value, depth):
        self.enter(value, depth)
        _head(self.out, major, len(value))
        index = 0
        try:
            for index, item in enumerate(value):
                self.put(item, depth + 1)
        except _Misfit as misfit:
            raise self.passing(misfit, value, index)

    def put_dict(self, value, depth, is_map=False):
        self.enter(value, depth)
        out = self.out
        if not is_map:
            for key in value:
                if key.__class__ is not str and not isinstance(key, str):
                    is_map = True
                    break
        if is_map:
            out += _MAP_HEAD
        _head(out, 0xA0, len(value))
        key = None
        try:
            for key, item in value.items():
                if is_map:
                    self.put(key, depth + 1)
                else:
                    self.nodes -= 1
                    _put_text(out, key)
                self.put(item, depth + 1)
        except _Misfit as misfit:
            raise self.passing(misfit, value, key)

    def put_error(self, error, depth):
        self.enter(error, depth)
        cause = error.cause if isinstance(error, RemoteError) else error.__cause__
        self.out += _ERROR_HEAD
        _head(self.out, 0xA0, 2 if cause is None else 3)
        fields = {"name": _name_of(error), "message": str(error)}
        if cause is not None:
            fields["cause"] = cause
        key = None
        try:
            for key, item in fields.items():
                self.nodes -= 1
                _put_text(self.out, key)
                self.put(item, depth + 1)
        except _Misfit as misfit:
            raise self.passing(misfit, error, key)

    def passing(self, misfit, container, key):
        misfit.path.append(key)
        misfit.around.append(id(container))
        return misfit

    def too_large(self):
        if self.nodes < 0:
            raise _Misfit("has too many values in it", ValueTooLarge)
        raise _Misfit(f"is larger than {self.limit:,} bytes", ValueTooLarge)


def _name_of(error):
    name = error.name if isinstance(error, RemoteError) else error.__class__.__name__
    return name if isinstance(name, str) else "Error"


def _type_name(value):
    kind = value.__class__
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _hint(value):
    name = _type_name(value)
    if name == "coroutine":
        value.close()
        return ": await it"
    if name == "decimal.Decimal":
        return ": convert it with str() or float()"
    if name in ("datetime.date", "datetime.time"):
        return ": use a datetime, or .isoformat()"
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        return ": use dataclasses.asdict()"
    if hasattr(value, "tolist"):
        return ": use .tolist()"
    return ""


def _path_text(path):
    text = "$"
    for key in reversed(path):
        if isinstance(key, str) and key.isidentifier():
            text += f".{key}"
        else:
            text += f"[{repr(key)[:100]}]"
        if len(text) > _PATH_LENGTH:
            return text[:_PATH_LENGTH] + "…"
    return text


def _error_of(misfit):
    if len(set(misfit.around)) < len(misfit.around):
        text = "holds itself, which cannot cross the border"
        return ValueUnsupported(f"$ {text}", ValueUnsupported.code)
    text = f"{_path_text(misfit.path)} {misfit.args[0]}"
    return misfit.kind(text.encode("utf-8", "backslashreplace").decode(), misfit.kind.code)


def encode(value, nodes=CALL_NODES, flat=FLAT_BYTES, structured=STRUCTURED_BYTES):
    """Encodes a value.

    Raises ValueUnsupported for what has no form, ValueTooLarge for what is too large; the message holds the path.
    """
    if value.__class__ is int and 0 <= value < 24:
        return bytes((value,))
    encoder = _Encoder(nodes, flat, structured)
    if isinstance(value, (str, bytes, bytearray, memoryview)):
        encoder.limit = flat
    try:
        encoder.put(value, 0)
    except _Misfit as misfit:
        raise _error_of(misfit) from None
    return bytes(encoder.out)


def encode_result(value):
    """Encodes a run's result."""
    return encode(value, RUN_NODES, RUN_BYTES, RUN_BYTES)
