"""structlog as we use it: without the library for drawing tracebacks, which is 6 MB per process.

structlog imports `rich` when it is there, and we have it for the command line's tables. Import
structlog from here, and from nowhere else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def _without(library: str) -> Iterator[None]:
    """Let its import fail, unless it is there already."""
    modules: dict[str, Any] = sys.modules
    hidden = library not in modules
    if hidden:
        modules[library] = None
    yield
    if hidden:
        del modules[library]


with _without("rich"):
    import structlog
    from structlog.typing import EventDict, Processor

__all__ = ["EventDict", "Processor", "structlog"]
