"""The figures of all processes as the page shows them, and what they were a while ago. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from bus.control.messages import ProcessStatus, StatusReply
from bus.measuring.latency import Latency

#: Points kept per process, one a second: three minutes.
KEPT: Final = 180


class Point(Struct, frozen=True, array_like=True):
    """One second of a process: ticks/s, p50 and p99 in microseconds, CPU in percent of a core.

    None where there was nothing to measure.
    """

    ticks_per_s: float | None
    p50_us: float | None
    p99_us: float | None
    cpu_percent: float | None


class Figures:
    """Takes each status of the supervisor, and remembers."""

    def __init__(self) -> None:
        self._points: dict[str, deque[Point]] = {}
        self._latency: dict[str, tuple[int, Latency]] = {}
        self._now: dict[str, Any] = {"at": 0, "supervisor": None, "processes": []}

    @property
    def now(self) -> dict[str, Any]:
        """The newest status: `at` in Unix ms, `supervisor` (None: it does not answer),
        `processes`, each with its newest `point`."""
        return self._now

    def history(self) -> dict[str, list[Point]]:
        """Per process, the oldest point first; all end at the same moment."""
        return {name: list(points) for name, points in self._points.items()}

    def take(self, reply: StatusReply, unix_ms: int) -> None:
        known = {process.name for process in reply.processes}
        for gone in self._points.keys() - known:
            del self._points[gone]
            self._latency.pop(gone, None)
        told = []
        for process in reply.processes:
            point = self._point(process)
            self._points.setdefault(process.name, deque(maxlen=KEPT)).append(point)
            told.append(_as_told(process) | {"point": point})
        self._now = {
            "at": unix_ms,
            "supervisor": msgspec.to_builtins(reply.supervisor),
            "processes": told,
        }

    def unanswered(self, unix_ms: int) -> None:
        """The supervisor said nothing: what it last said stands, and is marked."""
        self._now = {**self._now, "at": unix_ms, "supervisor": None}

    def _point(self, process: ProcessStatus) -> Point:
        latency = self._recent(process)
        return Point(
            _number(process.stats, "ticks_per_s"),
            None if latency is None else latency.quantile(0.5),
            None if latency is None else latency.quantile(0.99),
            process.cpu_percent,
        )

    def _recent(self, process: ProcessStatus) -> Latency | None:
        """What was counted since the last status; a new generation counts from nothing."""
        if process.latency is None:
            return None
        generation, before = self._latency.get(process.name, (-1, Latency()))
        self._latency[process.name] = (process.generation, process.latency)
        if generation != process.generation:
            before = Latency()
        return process.latency.since(before)


def _as_told(process: ProcessStatus) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(process)
    del fields["latency"], fields["totals"]
    return fields


def _number(stats: Mapping[str, object], key: str) -> float | None:
    value = stats.get(key)
    return float(value) if isinstance(value, int | float) else None
