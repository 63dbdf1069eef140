"""Room to tell how a run ended whose program took all memory: kept from the beginning, let go at the end of a run that failed."""

from gc import collect

from _toka_encode import encode

# An arena of small objects is 256 KiB at a multiple of 64 KiB (Objects/obmalloc.c of CPython, mmap of its libc): with one
# of them and some larger blocks every report can be made.
_BYTES = 512 * 1024
# How often that must be free before so much is kept again: the program comes first.
_SHARE = 4
# Zeroes, which an image does not store.
_kept = {"room": bytearray(_BYTES)}

# What the host is told where nothing else can be made.
MEMORY_REPORT = encode({"kind": "memory"})


def make_room():
    """Needs no memory itself."""
    _kept["room"] = None


def keep_room():
    """At the start of a run, after one that failed."""
    if _kept["room"] is not None:
        return
    try:
        bytearray(_SHARE * _BYTES)
        _kept["room"] = bytearray(_BYTES)
    except MemoryError:
        pass


def collect_cycles():
    """After a run that took all memory: what it left in cycles holds the most of it, and no allocation sets the collector off."""
    collect()
