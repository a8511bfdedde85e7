"""Single keystrokes from the terminal, without Enter and without echo."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import Self

if sys.platform == "win32":
    import msvcrt

    class Keyboard:
        """Reads keys while it is open."""

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing was changed that could be put back."""

        def key(self, timeout_s: float) -> str:
            """The next key; empty when none came in time."""
            end = time.monotonic() + timeout_s
            while not msvcrt.kbhit():
                if time.monotonic() >= end:
                    return ""
                time.sleep(0.02)
            return msvcrt.getwch()

else:
    import select
    import termios
    import tty

    class Keyboard:
        """Reads keys while it is open; the terminal is left as it was found.

        Where standard input is no terminal there are no keys, and `key` only waits.
        """

        def __init__(self) -> None:
            self._input = sys.stdin.fileno() if sys.stdin.isatty() else None

        def __enter__(self) -> Self:
            if self._input is not None:
                self._before = termios.tcgetattr(self._input)
                tty.setcbreak(self._input)
            return self

        def __exit__(
            self,
            kind: type[BaseException] | None,
            error: BaseException | None,
            trace: TracebackType | None,
        ) -> None:
            if self._input is not None:
                termios.tcsetattr(self._input, termios.TCSADRAIN, self._before)

        def key(self, timeout_s: float) -> str:
            """The next key; empty when none came in time. Arrows and the like are no keys."""
            if self._input is None:
                time.sleep(timeout_s)
                return ""
            if not select.select([self._input], [], [], timeout_s)[0]:
                return ""
            text = os.read(self._input, 64).decode(errors="ignore")
            return "" if text.startswith("\x1b[") else text[:1]
