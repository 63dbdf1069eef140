"""Sleep and randomness of the sandbox: time is the kernel's, and no two sandboxes draw the same numbers."""

import importlib.resources
import random
import struct
import sys
import tempfile
import time
import zoneinfo
import zoneinfo._common

from _toka_calls import host_call
from _toka_operations import ClockSleep

# time_t counts nanoseconds in 64 bits.
_LONGEST = 2**63 / 1e9


def _sleep(seconds, /):
    """sleep(seconds)

    Delay execution for a given number of seconds. The argument may be a floating-point number for subsecond precision.
    """
    duration = seconds.__index__() if hasattr(seconds, "__index__") else float(seconds)
    if duration != duration:
        raise ValueError("Invalid value NaN (not a number)")
    if duration < 0:
        raise ValueError("sleep length must be non-negative")
    if duration >= _LONGEST:
        raise OverflowError("timestamp too large to convert to C PyTime_t")
    host_call(ClockSleep, struct.pack("<d", duration * 1_000))


_sleep.__name__ = _sleep.__qualname__ = "sleep"
_sleep.__module__ = "time"


def _load_zone(key):
    """Data of zones come from the package tzdata, if an image has it: UTC alone is always there."""
    components = key.rsplit("/", 1)
    package = ".".join(["tzdata.zoneinfo", *components[0].split("/")]) if len(components) == 2 else "tzdata.zoneinfo"
    try:
        return importlib.resources.files(package).joinpath(components[-1]).open("rb")
    except (ImportError, FileNotFoundError, IsADirectoryError, UnicodeEncodeError, ValueError):
        raise zoneinfo.ZoneInfoNotFoundError(
            f"No time zone found with key {key}: a sandbox knows UTC; others need an image with the package tzdata"
        ) from None


def install():
    """At image build."""
    time.sleep = _sleep
    zoneinfo._common.load_tzdata = _load_zone
    zoneinfo.reset_tzpath([f"{__file__.rpartition('/')[0]}/zoneinfo"])


def reseed(seed):
    """After every fork and reset: 32 random bytes of the kernel's."""
    random.seed(int.from_bytes(seed, "big"))
    tempfile._name_sequence = None
    uuid = sys.modules.get("uuid")
    if uuid is not None:
        uuid._node = uuid._last_timestamp = uuid._last_timestamp_v7 = uuid._last_counter_v7 = None
        uuid._last_counter_v7 = 0
