"""The file that holds an adapter's instrument master, and how a new one takes its place.

A new master is made beside the old one, which stays in use, and renamed over it when it is
whole. Whoever has the old one open keeps reading it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from pathlib import Path
from typing import Final

from adapters.errors import InstrumentsError
from adapters.instruments.book import FiledBook, InstrumentBook
from adapters.instruments.masters import Progress, silent
from adapters.instruments.origin import Origin, file_stamp

logger = logging.getLogger(__name__)

#: Of the tables; a file of another version is made anew.
VERSION: Final = "2"
#: A master with fewer rows than this part of the one before is half of a whole.
_PLAUSIBLE: Final = 0.5
#: What a process that died left behind, in seconds.
_LEFT_BEHIND_S: Final = 3600.0


class MasterFile:
    """One adapter's master; without a folder it is kept in memory."""

    def __init__(self, folder: Path | None, adapter: str) -> None:
        self.path = None if folder is None else folder / f"{adapter}.db"

    @property
    def stamp(self) -> str:
        """Changes when somebody replaces the file."""
        return "" if self.path is None else file_stamp(self.path)

    def open(self, origin: str | None = None) -> InstrumentBook | None:
        """The copy that is there; None: there is none, or it comes from another origin."""
        if self.path is None or not self.path.exists():
            return None
        try:
            book = FiledBook(self.path)
        except sqlite3.Error as error:
            logger.warning("%s: %s; it is made anew", self.path, error)
            return None
        about = book.about()
        if about.get("version") == VERSION and origin in {None, about.get("origin")}:
            return book
        book.close()
        return None

    def make(
        self, origin: Origin, now: float, progress: Progress = silent
    ) -> tuple[InstrumentBook, Path | None]:
        """A new book from its origin, and where it is so far; blocks. `now` is Unix time in s.

        Raises:
            InstrumentsError: there is nothing that can be used; the old copy stays.
        """
        place = self._new_place(now)
        stamp = origin.stamp
        try:
            book = InstrumentBook(
                origin.rows(progress),
                path=place,
                progress=lambda done: progress("reading instruments", done),
            )
            self._check(book, origin)
            book.note(
                version=VERSION,
                origin=origin.text,
                stamp=stamp,
                made_at=int(now),
            )
        except (sqlite3.Error, OSError) as error:
            _remove(place)
            raise InstrumentsError(f"{self.path}: {error}") from None
        except InstrumentsError:
            _remove(place)
            raise
        return book, place

    def adopt(
        self, made: InstrumentBook, place: Path | None, old: InstrumentBook | None
    ) -> InstrumentBook:
        """Put a new book in place of the old; from then on `old` cannot be used.

        Raises:
            InstrumentsError: the system does not let the file be replaced.
        """
        if self.path is None or place is None:
            return made
        made.close()
        if old is not None:
            old.close()  # Windows replaces no file that is open
        try:
            with place.open("rb+") as file:
                os.fsync(file.fileno())
            place.replace(self.path)
        except OSError as error:
            _remove(place)
            raise InstrumentsError(
                f"{self.path}: cannot be replaced ({error.strerror}); does an adapter use it?"
            ) from None
        return FiledBook(self.path)

    def _new_place(self, now: float) -> Path | None:
        if self.path is None:
            return None
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self.path.parent.glob(f"{self.path.stem}.*.new"):
            with contextlib.suppress(OSError):
                if now - left.stat().st_mtime > _LEFT_BEHIND_S:
                    left.unlink()
        place = self.path.with_suffix(f".{os.getpid()}.new")
        _remove(place)
        return place

    def _check(self, book: InstrumentBook, origin: Origin) -> None:
        """Nothing at all, or half of what was there before, is a fault of the origin."""
        if not len(book):
            raise InstrumentsError(f"{origin.text}: no instruments in it; fetch the master anew")
        old = None if origin.shrinks else self.open(origin.text)
        if old is not None:
            before = len(old)
            old.close()
            if len(book) < before * _PLAUSIBLE:
                raise InstrumentsError(
                    f"{origin.text}: {len(book)} instruments where there were {before}; "
                    "the old ones are kept"
                )


def _remove(place: Path | None) -> None:
    if place is not None:
        with contextlib.suppress(OSError):
            place.unlink(missing_ok=True)
