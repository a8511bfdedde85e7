"""What a forked child shares with the template stays shared until somebody writes to its page.

Most writes change nothing that anybody meant to change: a count of references goes up and down
again, a new object lands in a gap between old ones. So, before the template serves forks,

* everything alive is made immortal, as None is: the interpreter counts no references to it
  (PEP 683, CPython 3.12 and 3.13). It would have lived as long as the template anyway;
* the gaps that imports left are filled, so that what a child makes lies together on new pages.

Neither changes what a program does, and where an interpreter is not one that is known to work so,
nothing is done at all: children then copy more.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import sysconfig
import types
from collections.abc import Callable, Iterable, Iterator
from sys import getrefcount
from typing import Any, Final

#: The count that CPython 3.12 and 3.13 give to what lives for ever, on 64 bits, and the
#: least that they take for one.
_FOR_EVER: Final = 0xFFFF_FFFF
_MORTAL_BELOW: Final = 1 << 31
_PAGE: Final = 4096
#: Of CPython's own allocator: objects of one size share a pool, whose header is smaller than 64.
_POOL: Final = 1 << 14
_POOL_HEADER: Final = 48
_LARGEST_POOLED: Final = 512
_BYTES_OVERHEAD: Final = sys.getsizeof(b"")
#: Sizes of gaps between what came from the C library; larger ones hold whole pages, which
#: are given back.
_GAPS: Final = (8192, 6144, 4096, 3072, 2048, 1536, 1024, 768, 640, 520, 400, 256, 128, 64, 24)
#: Should memory be laid out otherwise than thought, filling ends here.
_MOST: Final = 20_000

#: Fills the gaps, for ever.
_filling: list[list[object]] = []


def settle() -> None:
    """What is alive now lives for ever; call it once, last before the first fork."""
    gc.collect()
    if can_be_immortal():
        immortalize()
    _fill_pools()
    _fill_heap()
    gc.freeze()  # the collector of a child that touched it would copy it


def can_be_immortal() -> bool:
    """Whether this interpreter is one whose counts are known, and does with one as they say."""
    if sys.implementation.name != "cpython" or not (3, 12) <= sys.version_info[:2] <= (3, 13):
        return False
    if sys.maxsize < 1 << 32 or sysconfig.get_config_var("Py_GIL_DISABLED"):
        return False
    if hasattr(sys, "gettotalrefcount"):  # a debug build counts differently
        return False
    probe = object()
    if ctypes.c_ssize_t.from_address(id(probe)).value != getrefcount(probe) - 1:
        return False
    _keep(probe)
    before = getrefcount(probe)
    more = [probe] * 3
    return before == getrefcount(more[0]) == _FOR_EVER


def immortalize() -> None:
    """Everything that can be reached from what the collector knows."""
    frontier: list[Any] = [*gc.get_objects(), object]
    while frontier:
        fresh = []
        for one in frontier:
            if getrefcount(one) < _MORTAL_BELOW:
                _keep(one)
                fresh.append(one)
        frontier = gc.get_referents(*fresh)
        frontier += _unlisted(fresh)


def _keep(one: object) -> None:
    ctypes.c_ssize_t.from_address(id(one)).value = _FOR_EVER


def _unlisted(objects: Iterable[object]) -> Iterator[object]:
    """What these hold that the collector cannot tell."""
    for one in objects:
        kind = type(one)
        if kind is types.CodeType:
            code: Any = one
            yield code.co_consts
            yield code.co_names
            yield code.co_filename
            yield code.co_name
            yield code.co_qualname
            yield code.co_linetable
            yield code.co_exceptiontable
        elif isinstance(one, type):
            yield from gc.get_referents(vars(one))
            yield from type.__subclasses__(one)
            _number(one)


def _number(kind: type) -> None:
    """A class gets the number that caches know it by when somebody first asks it for anything."""
    try:
        type.__getattribute__(kind, "no_such_attribute")
    except AttributeError:
        return


def _fill_pools() -> None:
    """Make small objects of each size until they come from a pool that nobody used before."""
    for size in range(_POOL_HEADER, _LARGEST_POOLED + 1, 16):
        whole = (_POOL - _POOL_HEADER) // size
        made: list[object] = []
        in_a_row, before = 0, 0
        while in_a_row < whole and len(made) < _MOST:
            made.append(bytes(size - _BYTES_OVERHEAD))
            place = id(made[-1])
            in_a_row = in_a_row + 1 if place == before + size and place % _POOL > size else 1
            before = place
        _filling.append(made[:-whole])


def _fill_heap() -> None:
    """Take memory of each size from the C library until it comes from its end (glibc)."""
    library = _glibc()
    if library is None:
        return
    library.malloc_trim(0)  # whole pages in the middle
    end = library.sbrk(0) - _PAGE
    for size in _GAPS:
        _take_until(library.malloc, library.free, size, end)


def _take_until(
    take: Callable[[int], int], give_back: Callable[[int], None], size: int, end: int
) -> None:
    for _ in range(_MOST):
        place = take(size)
        if place >= end:
            give_back(place)
            return


def _glibc() -> Any | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    if not hasattr(library, "malloc_trim"):
        return None
    library.malloc.argtypes, library.malloc.restype = [ctypes.c_size_t], ctypes.c_size_t
    library.free.argtypes, library.free.restype = [ctypes.c_size_t], None
    library.sbrk.argtypes, library.sbrk.restype = [ctypes.c_ssize_t], ctypes.c_size_t
    return library
