"""One process has the paper accounts at a time, and gives them up even when it dies.

The lock is an exclusive transaction on an empty SQLite file beside the database: the system takes
it back from a process that is gone, on every system that SQLite runs on. The database itself
stays readable for others.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path


class Ownership:
    """Held from its making until `release`, or until the process ends."""

    def __init__(self, database: Path, wait_s: float) -> None:
        """Raises sqlite3.Error: another process has it, also after `wait_s`."""
        path = database.with_name(f"{database.name}-owner")
        self._lock = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=wait_s
        )
        try:
            self._lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error:
            self._lock.close()
            raise

    def release(self) -> None:
        """The next one may have it."""
        self._lock.close()
