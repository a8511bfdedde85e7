"""Where an adapter's instruments come from: the broker's own masters, a file, or OpenAlgo."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from adapters.broker import Broker, MasterReader, MasterSource
from adapters.codec import Account
from adapters.instruments.masters import Progress, is_remote, places, rows
from adapters.instruments.openalgo import OpenAlgoMaster
from adapters.symbols import Instrument
from bus.settings import AdapterSettings

_OPENALGO: Final = "openalgo:"
_OWN_MACHINE: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Origin(Protocol):
    """A place that rows come from, again and again."""

    @property
    def text(self) -> str:
        """Its name, fit to be shown; a copy made from another is not used."""
        ...

    @property
    def stamp(self) -> str:
        """Changes when what can be seen from here changes; empty: nothing can be seen."""
        ...

    @property
    def may_recover(self) -> bool:
        """Whether it is worth another try when it has nothing now."""
        ...

    @property
    def shrinks(self) -> bool:
        """Whether far fewer rows than before are right, and no half of a whole."""
        ...

    def rows(self, progress: Progress) -> Iterator[Instrument]:
        """Every row; blocks.

        Raises:
            InstrumentsError: it has nothing that can be used.
        """
        ...


class Masters:
    """Files or URLs in the broker's own form."""

    def __init__(self, sources: Sequence[MasterSource], reader: MasterReader) -> None:
        self.text = places(sources)
        self._sources = sources
        self._reader = reader

    @property
    def may_recover(self) -> bool:
        return any(is_remote(source.url) for source in self._sources)

    @property
    def shrinks(self) -> bool:
        """A user's own file is what the user wants; so is that of a simulator."""
        return all(
            not is_remote(s.url) or urlsplit(s.url).hostname in _OWN_MACHINE for s in self._sources
        )

    @property
    def stamp(self) -> str:
        local = [Path(s.url) for s in self._sources if not is_remote(s.url)]
        return " ".join(file_stamp(path) for path in local)

    def rows(self, progress: Progress) -> Iterator[Instrument]:
        return rows(self._sources, self._reader, progress)


def file_stamp(path: Path) -> str:
    """Size and time of a file; empty where there is none."""
    with contextlib.suppress(OSError):
        told = path.stat()
        return f"{told.st_size}:{told.st_mtime_ns}:{told.st_ino}"
    return ""


def origin_of(settings: AdapterSettings, broker: Broker, account: Account) -> Origin:
    """Where the configuration says that an adapter's instruments come from."""
    location = settings.instruments
    if location.startswith(_OPENALGO):
        return OpenAlgoMaster(Path(location.removeprefix(_OPENALGO)), broker)
    # The broker's headers hold the token: they go to the broker and to nobody else.
    sources = (MasterSource(url=location),) if location else broker.masters(account)
    return Masters(sources, broker.master_reader)
