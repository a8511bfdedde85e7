"""Reading a recorded file, packed or not, with errors that name file and line."""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final

from simulators.errors import DataError
from simulators.markets.market import IST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_GZIP_MAGIC: Final = b"\x1f\x8b"
_CHUNK_BYTES: Final = 1 << 20
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND: Final = dt.timedelta(milliseconds=1)


def lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, unpacked as they are read.

    Raises:
        DataError: it cannot be read, or is cut off.
    """
    number = 0
    with _reading(path) as file:
        try:
            for number, line in enumerate(file, 1):  # noqa: B007
                yield line
        except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
            text = f"the packed file is damaged after this line: {problem}"
            raise DataError(path, text, line=number) from problem


def chunks(path: Path) -> Iterator[bytes]:
    """The file in large pieces that end at ends of lines; faster than line by line.

    Raises:
        DataError: it cannot be read, or is cut off.
    """
    rest = b""
    with _reading(path) as file:
        try:
            while chunk := file.read(_CHUNK_BYTES):
                whole, newline, tail = chunk.rpartition(b"\n")
                yield rest + whole + newline
                rest = tail
        except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
            raise DataError(path, f"the packed file is damaged: {problem}") from problem
    yield rest


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[BinaryIO | gzip.GzipFile]:
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            if packed:
                with gzip.open(raw, "rb") as unpacked:
                    yield unpacked
            else:
                yield raw
    except (EOFError, gzip.BadGzipFile):
        raise
    except OSError as problem:
        raise DataError(path, f"cannot be read: {problem.strerror}") from problem


def india_ms(text: str) -> int:
    """`2025-12-15 09:32:48.880000`, told in India's time, in Unix ms.

    Raises:
        ValueError: no such time.
    """
    return (dt.datetime.fromisoformat(text).replace(tzinfo=IST) - _EPOCH) // _MILLISECOND
