"""What waits for one browser: the newest status, lines and steps in order, within bounds. Pure.

A browser that does not keep up costs no more than this: statuses replace each other, and of
too many log lines the oldest go, counted and told.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import msgspec

from console.logtail import Line

LINES_KEPT: Final = 1000
_encode = msgspec.json.Encoder().encode


class Feed:
    """`admin`: logs and restarts are for administrators only."""

    def __init__(self, *, admin: bool) -> None:
        self.admin = admin
        self._history: Any = None
        self._status: Any = None
        self._lines: deque[Line] = deque()
        self._missed = 0
        self._restarts: dict[str, Any] = {}
        self._end: str | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether there is anything to send."""
        return bool(
            self._history is not None
            or self._status is not None
            or self._lines
            or self._restarts
            or self._end
        )

    def put_history(self, history: Any) -> None:
        self._history = history

    def put_status(self, status: Any) -> None:
        self._status = status

    def put_lines(self, lines: list[Line]) -> None:
        if not self.admin:
            return
        self._lines.extend(lines)
        while len(self._lines) > LINES_KEPT:
            self._lines.popleft()
            self._missed += 1

    def put_restart(self, name: str, progress: Any) -> None:
        """How far a restart is; the newest word on each process is enough."""
        if self.admin:
            self._restarts[name] = progress

    def end(self, reason: str) -> None:
        """Nothing more comes: `reason` is told, and the stream ends."""
        self._end = reason

    def take(self) -> bytes:
        """All of it as server-sent events."""
        events = b""
        if self._history is not None:
            events += _event("history", self._history)
        if self._lines or self._missed:
            events += _event("logs", {"lines": list(self._lines), "missed": self._missed})
        for name, progress in self._restarts.items():
            events += _event("restart", {"name": name, **progress})
        if self._status is not None:
            events += _event("status", self._status)
        if self._end is not None:
            events += _event("end", {"reason": self._end})
        self._history = self._status = None
        self._lines.clear()
        self._restarts = {}
        self._missed = 0
        return events

    @property
    def is_over(self) -> bool:
        return self._end is not None


def _event(kind: str, data: Any) -> bytes:
    """JSON has no line break outside its strings, and none inside them unescaped."""
    return b"event: " + kind.encode() + b"\ndata: " + _encode(data) + b"\n\n"
