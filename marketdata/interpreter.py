"""Two settings of the interpreter that decide how late a fill is told of (docs/performance.md)."""

from __future__ import annotations

import gc
import sys
from typing import Final

#: How long the event loop may keep the desk's thread from running, in seconds; the usual is 5 ms.
_SWITCH_S: Final = 0.0005
#: Objects that are made before a look for garbage. What ticks leave behind is freed without one.
_COLLECT_AFTER: Final = (20_000, 20, 100)


def prepare() -> None:
    """To be called once, when the process has made what stays."""
    sys.setswitchinterval(_SWITCH_S)
    gc.set_threshold(*_COLLECT_AFTER)
    gc.freeze()
