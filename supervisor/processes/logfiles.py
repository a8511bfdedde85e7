"""The files that processes write to: kept from growing, and looked at when one ends."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from pathlib import Path
from typing import Final

from bus.logs.lines import human

logger = logging.getLogger(__name__)

LIMIT_BYTES: Final = 10 << 20
_TAIL_BYTES: Final = 16384


def rotate(log: Path) -> None:
    """Keep one older log when it has grown; the file stays the same, so writers go on.

    A disk that is full stops nobody: the older log is given up for room, as it was kept last.
    """
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size <= LIMIT_BYTES:
            return
        older = log.with_suffix(".log.1")
        try:
            shutil.copyfile(log, older)
        except OSError as error:
            logger.warning("%s is not kept: %s", older, error.strerror)
            with contextlib.suppress(OSError):
                older.unlink(missing_ok=True)
        os.truncate(log, 0)


def last_line(log: Path, limit: int = 300) -> str:
    """The last line a process wrote; empty if there is none."""
    lines = last_lines(log, 1, limit)
    return lines[-1] if lines else ""


def last_lines(log: Path, count: int, limit: int = 300) -> list[str]:
    """The last lines that are not blank, each cut to `limit` characters; fewer if there are."""
    try:
        with log.open("rb") as file:
            size = log.stat().st_size
            file.seek(max(0, size - _TAIL_BYTES))
            raw = file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    if len(raw) > 1 and size > _TAIL_BYTES:
        del raw[0]  # cut short
    lines = [line for one in raw for line in human(one)]
    return [line[:limit] for line in lines if line.strip()][-count:]
