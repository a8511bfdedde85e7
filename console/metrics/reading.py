"""Where in a process's status a metric's values are found. Pure.

Each of these gives what reads them: pairs of the values of the metric's own labels, and a number
or a histogram; nothing where there is nothing to tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from bus.control.messages import ProcessStatus, Stats
from bus.measuring.latency import Latency

#: As `supervisor.processes.lifecycle.State` names them.
STATES: Final = (
    *("starting", "ready", "running", "stopping", "stopped"),
    *("backoff", "crash_loop", "failed", "needs_token"),
)

Reading: TypeAlias = Iterable[tuple[tuple[str, ...], float | Latency]]
Read: TypeAlias = Callable[[ProcessStatus], Reading]


def total(*keys: str, default: int | None = None) -> Read:
    """A count over all generations; of several keys their sum. `default` before it was counted."""

    def read(process: ProcessStatus) -> Iterator[tuple[tuple[str, ...], float]]:
        counts = process.totals.counts
        known = [counts[key] for key in keys if key in counts]
        if known or default is not None:
            yield (), sum(known)

    return read


def totals_by(keys: Mapping[str, str]) -> Read:
    """Counts by label value."""

    def read(process: ProcessStatus) -> Iterator[tuple[tuple[str, ...], float]]:
        for value, key in keys.items():
            if key in process.totals.counts:
                yield (value,), process.totals.counts[key]

    return read


def by_reason(prefix: str) -> Read:
    """Counts whose names end in the reason."""

    def read(process: ProcessStatus) -> Iterator[tuple[tuple[str, ...], float]]:
        for key, count in sorted(process.totals.counts.items()):
            if key.startswith(prefix) and key != f"{prefix}total":
                yield (key.removeprefix(prefix),), count

    return read


def level(key: str, scale: float = 1.0) -> Read:
    """A figure of the active generation; nothing while there is none."""

    def read(process: ProcessStatus) -> Iterator[tuple[tuple[str, ...], float]]:
        value = _present(process).get(key)
        if isinstance(value, int | float):
            yield (), value * scale

    return read


def is_word(key: str, word: str) -> Read:
    """1 while a figure is this word, else 0."""

    def read(process: ProcessStatus) -> Iterator[tuple[tuple[str, ...], float]]:
        stats = _present(process)
        if key in stats:
            yield (), float(stats[key] == word)

    return read


def _present(process: ProcessStatus) -> Stats:
    """What it says of itself; of one that has ended, the last word is no news."""
    return process.stats if process.pid is not None else {}


def latency(leg: str) -> Read:
    """A histogram over all generations."""

    def read(process: ProcessStatus) -> Iterator[tuple[tuple[str, ...], Latency]]:
        if leg in process.totals.latency:
            yield (), process.totals.latency[leg]

    return read


def attribute(value: Callable[[ProcessStatus], float | None]) -> Read:
    """What the supervisor knows of it; nothing for None."""

    def read(process: ProcessStatus) -> Iterator[tuple[tuple[str, ...], float]]:
        found = value(process)
        if found is not None:
            yield (), found

    return read


def states(process: ProcessStatus) -> Reading:
    return [((state,), float(process.state == state)) for state in STATES]


def memory(process: ProcessStatus) -> Reading:
    for place, one in (("active", process), ("standby", process.standby)):
        if one is not None and one.rss_bytes is not None:
            yield (place,), one.rss_bytes


def cpu(process: ProcessStatus) -> Reading:
    for place, one in (("active", process), ("standby", process.standby)):
        if one is not None and one.cpu_percent is not None:
            yield (place,), one.cpu_percent / 100


def standby_ready(process: ProcessStatus) -> float | None:
    return None if process.standby is None else float(process.standby.state == "running")
