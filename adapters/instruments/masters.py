"""Reading instrument masters from where they are: files or URLs, packed with gzip or not.

Everything is a stream: a master of 60 MB never stands in memory as a whole, unless its
reader makes it.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, cast

from adapters.broker import MasterReader, MasterSource
from adapters.codec import HttpRequest
from adapters.errors import FetchError, InstrumentsError
from adapters.fetch import fetch, shown
from adapters.instruments.book import InstrumentBook
from adapters.symbols import Instrument

#: The largest known master has 60 MB.
MAX_MASTER_BYTES: Final = 256 << 20
_GZIP_MAGIC: Final = b"\x1f\x8b"

#: Told what is being done and how far it is: bytes fetched, or rows read.
Progress = Callable[[str, int], None]


def silent(_doing: str, _done: int) -> None:
    """The progress that nobody looks at."""


def is_remote(location: str) -> bool:
    """Whether a location is fetched over HTTP; anything else is a path."""
    return location.startswith(("http://", "https://"))


def load(sources: Sequence[MasterSource], reader: MasterReader) -> InstrumentBook:
    """A book in memory; blocks.

    Raises:
        FetchError: a server did not give a master.
        InstrumentsError: one cannot be read; names file, line and remedy.
    """
    book = InstrumentBook(rows(sources, reader))
    if not len(book):
        raise InstrumentsError(f"{places(sources)}: no instruments in it; fetch the master anew")
    return book


def places(sources: Sequence[MasterSource]) -> str:
    """Where masters are, fit to be shown."""
    return ", ".join(_shown(source.url) for source in sources)


def rows(
    sources: Sequence[MasterSource], reader: MasterReader, progress: Progress = silent
) -> Iterator[Instrument]:
    """Every row of every master, in order; raises like `load`."""
    for source in sources:
        with _opened(source, progress) as file:
            yield from _read(file, _shown(source.url), reader)


def _read(file: BinaryIO, place: str, reader: MasterReader) -> Iterator[Instrument]:
    magic = file.read(len(_GZIP_MAGIC))
    file.seek(0)
    plain = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if magic == _GZIP_MAGIC else file
    try:
        # newline="" leaves line ends to the CSV reader, which also counts them.
        with io.TextIOWrapper(plain, encoding="utf-8-sig", newline="") as text:
            yield from reader(text)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InstrumentsError(f"{place}: damaged gzip ({error}); fetch it anew") from None
    except UnicodeDecodeError:
        raise InstrumentsError(f"{place}: not text in UTF-8; fetch it anew") from None
    except InstrumentsError as error:
        raise InstrumentsError(f"{place}: {error}") from None


@contextlib.contextmanager
def _opened(source: MasterSource, progress: Progress) -> Iterator[BinaryIO]:
    if is_remote(source.url):
        with cast("BinaryIO", tempfile.TemporaryFile()) as file:
            _download(source, file, progress)
            file.seek(0)
            yield file
        return
    try:
        local = Path(source.url).open("rb")  # noqa: SIM115 - closed below, its errors told apart here
    except OSError as error:
        raise InstrumentsError(
            f"{source.url}: {error.strerror}; set `instruments` to the broker's instrument master"
        ) from None
    with local:
        yield local


def _download(source: MasterSource, file: BinaryIO, progress: Progress) -> None:
    place = shown(source.url)
    status = fetch(
        HttpRequest(url=source.url, headers=source.headers),
        file,
        max_bytes=MAX_MASTER_BYTES,
        progress=lambda done: progress(f"fetching {place}", done),
    )
    if status != 200:
        raise FetchError(f"{place}: HTTP {status}")


def _shown(location: str) -> str:
    return shown(location) if is_remote(location) else location
