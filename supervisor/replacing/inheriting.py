"""Where two generations of a proxy meet: a socket of the file system, for its owner only."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

#: What every Unix takes for a socket's path, in bytes.
_MAX_PATH_BYTES: Final = 100


@contextlib.contextmanager
def meeting_place(root: Path, name: str) -> Iterator[Path]:
    """A path in the state folder, or in a folder of its own where that one's is too long; gone
    afterwards."""
    path = root / f"{name}.next"
    if len(str(path).encode()) <= _MAX_PATH_BYTES:
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
        return
    folder = Path(tempfile.mkdtemp(prefix="openalgo-stream-"))
    try:
        yield folder / "next"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
