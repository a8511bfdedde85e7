"""The instrument master: OpenAlgo's names to the broker's tokens.

A full master has 100,000 rows and more, and of those a process looks up a few thousand
once; so rows are kept as one sorted block of bytes, some 30 bytes each, and not as objects.
"""

from __future__ import annotations

import gzip
import http.client
import io
import urllib.error
import urllib.request
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from adapters.broker import MasterReader, MasterSource
from adapters.errors import FetchError, InstrumentsError
from adapters.symbols import Instrument
from bus.errors import TopicError
from bus.topics import check_instrument

FETCH_TIMEOUT_S: Final = 30.0
#: The largest known master has 60 MB.
MAX_MASTER_BYTES: Final = 256 << 20
_GZIP_MAGIC: Final = b"\x1f\x8b"


class InstrumentBook:
    """Immutable; the first row of an (exchange, symbol) counts.

    `skipped` rows have a name that no topic can hold, `duplicates` one that was there before.
    """

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self.skipped = 0
        self.duplicates = 0
        tokens: dict[bytes, bytes] = {}
        for exchange, symbol, token in instruments:
            try:
                check_instrument(exchange, symbol)
            except TopicError:
                self.skipped += 1
                continue
            name = _name(exchange, symbol)
            if name in tokens:
                self.duplicates += 1
            else:
                tokens[name] = token.encode()
        rows = [name + tokens[name] for name in sorted(tokens)]
        self._starts = array("I", [0])
        for row in rows:
            self._starts.append(self._starts[-1] + len(row))
        self._block = b"".join(rows)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __iter__(self) -> Iterator[Instrument]:
        for number in range(len(self)):
            exchange, symbol, token = self._row(number).decode().split("\0")
            yield Instrument(exchange, symbol, token)

    def find(self, exchange: str, symbol: str) -> str | None:
        """The broker's token, or None: no such instrument."""
        name = _name(exchange, symbol)
        number = bisect_left(range(len(self)), name, key=self._row)
        if number == len(self):
            return None
        row = self._row(number)
        return row[len(name) :].decode() if row.startswith(name) else None

    def _row(self, number: int) -> bytes:
        return self._block[self._starts[number] : self._starts[number + 1]]


def _name(exchange: str, symbol: str) -> bytes:
    """NUL sorts before and stands in no symbol, so that no name begins another."""
    return f"{exchange}\0{symbol}\0".encode()


def is_remote(location: str) -> bool:
    """Whether a location is fetched over HTTP; anything else is a path."""
    return location.startswith(("http://", "https://"))


def load(sources: Sequence[MasterSource], reader: MasterReader) -> InstrumentBook:
    """Read masters from paths or URLs, packed with gzip or not; blocks.

    Raises:
        FetchError: a server did not give one.
        InstrumentsError: one cannot be read; names file, line and remedy.
    """
    book = InstrumentBook(row for source in sources for row in _rows(source, reader))
    if not len(book):
        places = ", ".join(_shown(source.url) for source in sources)
        raise InstrumentsError(f"{places}: no instruments in it; fetch the master anew")
    return book


def _rows(source: MasterSource, reader: MasterReader) -> Iterator[Instrument]:
    place = _shown(source.url)
    data = _fetch(source) if is_remote(source.url) else _read(source.url)
    try:
        if data.startswith(_GZIP_MAGIC):
            data = gzip.decompress(data)
        # newline="" leaves line ends to the CSV reader, which also counts them.
        yield from reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InstrumentsError(f"{place}: damaged gzip ({error}); fetch it anew") from None
    except UnicodeDecodeError as error:
        raise InstrumentsError(f"{place}: byte {error.start} is no UTF-8; fetch it anew") from None
    except InstrumentsError as error:
        raise InstrumentsError(f"{place}: {error}") from None


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InstrumentsError(
            f"{path}: {error.strerror}; set `instruments` to the broker's instrument master"
        ) from None


def _fetch(source: MasterSource) -> bytes:
    # No proxies from the environment: what the configuration names is what is asked.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(source.url, headers=dict(source.headers))  # noqa: S310 - http(s) only
    place = _shown(source.url)
    try:
        with opener.open(request, timeout=FETCH_TIMEOUT_S) as response:
            data: bytes = response.read(MAX_MASTER_BYTES + 1)
    except urllib.error.HTTPError as error:
        error.close()
        raise FetchError(f"{place}: HTTP {error.code}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        raise FetchError(f"{place}: {type(cause).__name__}") from None
    if len(data) > MAX_MASTER_BYTES:
        raise FetchError(f"{place}: more than {MAX_MASTER_BYTES} bytes")
    return data


def _shown(location: str) -> str:
    """A location without a query, which may hold a token."""
    if not is_remote(location):
        return location
    parts = urlsplit(location)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"
