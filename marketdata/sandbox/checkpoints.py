"""Moves the write-ahead log into the database file, in a thread of its own.

A checkpoint is disk writes of many milliseconds. A passive one stands in no writer's way, but the
log begins anew only when one has caught up with the writer; when some in a row have not, the
last one holds the writer up for what little is left.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

#: Passive attempts before the writer is held up.
_ATTEMPTS: Final = 5
#: How long the last one waits for a transaction to end, in seconds.
_WAIT_S: Final = 1.0


class Checkpoints:
    """The thread. `wake` it when the log is worth it."""

    def __init__(self, path: Path, synchronous: str) -> None:
        self._path = path
        self._synchronous = synchronous
        self._wanted = threading.Event()
        self._ends = False
        self._thread = threading.Thread(target=self._live, name="checkpoints", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Make one soon."""
        self._wanted.set()

    def close(self) -> None:
        """Let go of the file."""
        self._ends = True
        self._wanted.set()
        self._thread.join()

    def _live(self) -> None:
        database = sqlite3.connect(self._path, isolation_level=None, timeout=_WAIT_S)
        try:
            database.execute(f"PRAGMA synchronous = {self._synchronous.upper()}")
            while self._wanted.wait() and not self._ends:
                self._wanted.clear()
                with suppress(sqlite3.Error):  # the log only grows; the next one tries again
                    _checkpoint(database)
        finally:
            database.close()


def _checkpoint(database: sqlite3.Connection) -> None:
    for _ in range(_ATTEMPTS):
        [(_, in_log, moved)] = database.execute("PRAGMA wal_checkpoint(PASSIVE)")
        if in_log == moved:
            return
    database.execute("PRAGMA wal_checkpoint(RESTART)")
