"""Search in the instrument masters of all adapters, as the adapters keep them on disk."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from adapters.instruments.book import InstrumentBook
from adapters.instruments.file import MasterFile
from identity.scopes import Scopes


class Found(NamedTuple):
    """An instrument, and which adapters have it."""

    exchange: str
    symbol: str
    adapters: tuple[str, ...]


class _Open(NamedTuple):
    stamp: str
    book: InstrumentBook


class Books:
    """Opened when first asked, and again when a new one took the place of the file.

    For one thread at a time; calls block for as long as a search takes (some tens of ms in
    the largest master).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, _Open] = {}

    def search(self, text: str, exchange: str, limit: int, scopes: Scopes) -> list[Found]:
        """What the holder of these scopes may see, the best match first."""
        found: dict[tuple[str, str], list[str]] = {}
        for name, book in self._books().items():
            if scopes.adapters is not None and name not in scopes.adapters:
                continue
            for row in book.search(text, exchange, limit):
                if scopes.exchanges is None or row.exchange in scopes.exchanges:
                    found.setdefault((row.exchange, row.symbol), []).append(name)
        needle = text.upper()
        ranked = sorted(
            found, key=lambda key: (not key[1].startswith(needle), len(key[1]), key[1], key[0])
        )
        return [Found(*key, tuple(found[key])) for key in ranked[:limit]]

    def close(self) -> None:
        for one in self._open.values():
            one.book.close()
        self._open.clear()

    def _books(self) -> dict[str, InstrumentBook]:
        names = [file.stem for file in sorted(self._folder.glob("*.db"))]
        for name in [*self._open]:
            if name not in names:
                self._open.pop(name).book.close()
        for name in names:
            file = MasterFile(self._folder, name)
            stamp = file.stamp
            known = self._open.get(name)
            if known is not None and known.stamp == stamp:
                continue
            book = file.open()
            if book is not None:
                self._open[name] = _Open(stamp, book)
            if known is not None:
                known.book.close()
                if book is None:
                    del self._open[name]
        return {name: one.book for name, one in self._open.items()}
