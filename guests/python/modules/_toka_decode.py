"""Deterministic CBOR in, values out: strict, and every count checked before anything is made of it."""

import struct
from datetime import timedelta

from _toka_encode import put_float
from _toka_errors import ValueTooLarge, ValueUnsupported
from _toka_values import CALL_NODES, DEPTH, EPOCH, ERROR_TAG, RUN_NODES, SAFE, BigInt, Map, RemoteError, undefined

_DATE_LIMIT = 8.64e15


class _Decoder:
    __slots__ = ("at", "data", "end", "nodes")

    def __init__(self, data, nodes):
        self.data = data
        self.at = 0
        self.end = len(data)
        self.nodes = nodes

    def fail(self, what):
        return ValueUnsupported(f"not an encoded value: {what} at byte {self.at}")

    def byte(self):
        at = self.at
        if at >= self.end:
            raise self.fail("the end of the bytes")
        self.at = at + 1
        return self.data[at]

    def take(self, size):
        at = self.at
        if size > self.end - at:
            raise self.fail("the end of the bytes")
        self.at = at + size
        return self.data[at : at + size]

    def argument(self, low):
        if low < 24:
            return low
        if low > 27:
            raise self.fail("an indefinite length or a reserved form")
        size = 1 << (low - 24)
        value = int.from_bytes(self.take(size), "big")
        if value < (24, 0x100, 0x10000, 0x100000000)[low - 24]:
            raise self.fail("a number that is not in its shortest form")
        return value

    def size(self, low, each):
        count = self.argument(low)
        if each * count > self.end - self.at:
            raise self.fail("a count beyond the end")
        if each * count > self.nodes:
            raise ValueTooLarge("the encoded value has too many values in it")
        return count

    def any(self, depth):
        self.nodes -= 1
        if self.nodes < 0:
            raise ValueTooLarge("the encoded value has too many values in it")
        initial = self.byte()
        major, low = initial >> 5, initial & 31
        if major == 3:
            return self.text(low)
        if major == 0 or major == 1:
            return self.integer(major, low)
        if major == 4:
            return self.items(low, depth)
        if major == 5:
            return self.record(low, depth)
        if major == 7:
            return self.simple(initial)
        if major == 2:
            return bytes(self.take(self.argument(low)))
        return self.tagged(self.argument(low), depth)

    def integer(self, major, low):
        value = self.argument(low)
        if value > SAFE - major:
            raise self.fail("an integer beyond 2^53 - 1 (larger ones are bignums)")
        return value if major == 0 else -1 - value

    def text(self, low):
        data = self.take(self.argument(low))
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise self.fail("text that is not UTF-8") from None

    def simple(self, initial):
        if initial == 0xF6:
            return None
        if initial == 0xF5:
            return True
        if initial == 0xF4:
            return False
        if initial == 0xF7:
            return undefined
        if initial == 0xF9:
            return self.float(">e", 2)
        if initial == 0xFA:
            return self.float(">f", 4)
        if initial == 0xFB:
            return self.float(">d", 8)
        raise self.fail("an unknown simple value or an indefinite length")

    def float(self, form, size):
        start = self.at - 1
        value = struct.unpack(form, self.take(size))[0]
        shortest = bytearray()
        put_float(shortest, value)
        if shortest != self.data[start : self.at]:
            raise self.fail("a float that is not in its shortest form")
        return value

    def enter(self, depth):
        if depth >= DEPTH:
            raise ValueTooLarge(f"the encoded value is deeper than {DEPTH} levels")

    def items(self, low, depth):
        self.enter(depth)
        any = self.any
        return [any(depth + 1) for _ in range(self.size(low, 1))]

    def key(self):
        self.nodes -= 1
        initial = self.byte()
        if initial >> 5 != 3:
            raise self.fail("an object key that is not text")
        return self.text(initial & 31)

    def record(self, low, depth):
        self.enter(depth)
        record = {}
        for _ in range(self.size(low, 2)):
            key = self.key()
            if key in record:
                raise self.fail("a key that occurs twice")
            record[key] = self.any(depth + 1)
        return record

    def tagged(self, tag, depth):
        initial = self.byte()
        major, low = initial >> 5, initial & 31
        if tag == 1:
            return self.date(initial)
        if tag in (2, 3) and major == 2:
            return self.bignum(tag, low)
        if tag == 258 and major == 4:
            return self.set(low, depth)
        if tag == 259 and major == 5:
            return self.map(low, depth)
        if tag == ERROR_TAG and major == 5:
            return self.error(low, depth)
        raise self.fail("an unknown tag, or a tag on the wrong content")

    def bignum(self, tag, low):
        digits = self.take(self.argument(low))
        if digits[:1] == b"\0":
            raise self.fail("a bignum with a leading zero")
        magnitude = int.from_bytes(digits, "big")
        value = magnitude if tag == 2 else -1 - magnitude
        return BigInt(value) if -SAFE <= value <= SAFE else value

    def member(self, depth):
        """A key of a map or a member of a set: arrays become tuples, sets frozensets."""
        value = self.any(depth)
        if value.__class__ is float and value == 0:
            raise self.fail("a key or member that is -0")
        return _hashable(value)

    def set(self, low, depth):
        self.enter(depth)
        found = set()
        for _ in range(self.size(low, 1)):
            self.add(found, self.member(depth + 1))
        return found

    def add(self, found, member):
        if member in found or (member != member and any(other != other for other in found)):
            raise self.fail("a member that occurs twice, or two that are equal in Python")
        found.add(member)

    def map(self, low, depth):
        self.enter(depth)
        found, seen = {}, set()
        for _ in range(self.size(low, 2)):
            key = self.member(depth + 1)
            self.add(seen, key)
            found[key] = self.any(depth + 1)
        # Without a key of another kind it would go back as an object.
        return Map(found) if all(isinstance(key, str) for key in found) else found

    def error(self, low, depth):
        self.enter(depth)
        count = self.size(low, 2)
        if count not in (2, 3):
            raise self.fail("an error without name and message")
        fields = []
        for name in ("name", "message", "cause")[:count]:
            if self.key() != name:
                raise self.fail("an error whose fields are not name, message, cause in this order")
            fields.append(self.any(depth + 1))
        if not isinstance(fields[0], str) or not isinstance(fields[1], str):
            raise self.fail("an error without name and message")
        return RemoteError(fields[1], fields[0], *fields[2:])

    def date(self, initial):
        major = initial >> 5
        if major in (0, 1):
            seconds = self.integer(major, initial & 31)
        else:
            seconds = self.simple(initial)
        if seconds.__class__ not in (int, float) or (seconds.__class__ is float and seconds == 0):
            raise self.fail("a date that is not a number of seconds")
        if not abs(seconds) * 1_000 <= _DATE_LIMIT:
            raise self.fail("a date out of range")
        return self.moment(seconds)

    def moment(self, seconds):
        # The microsecond whose second this is: within the years of datetime a double tells them apart.
        try:
            return EPOCH + timedelta(microseconds=round(seconds * 1_000_000))
        except OverflowError:
            raise self.fail("a date before the year 1 or after 9999") from None


def _hashable(value):
    if value.__class__ is list:
        return tuple(_hashable(item) for item in value)
    if value.__class__ is set:
        return frozenset(value)
    if isinstance(value, dict):
        raise ValueUnsupported("an object or map as a key or as the member of a set has no form in Python")
    return value


def decode(data, nodes=CALL_NODES):
    """Decodes one value, strictly: bytes that break a rule of the format raise ValueUnsupported or ValueTooLarge."""
    decoder = _Decoder(data, nodes)
    value = decoder.any(0)
    if decoder.at != decoder.end:
        raise decoder.fail("bytes after the value")
    return value


def decode_run(data):
    """Decodes a run's command or input."""
    return decode(data, RUN_NODES)
