"""The columns of `status` and `top`: those of the console's page, in its order. Pure.

A terminal has no room for all of them: each has a rank, and the highest ranks go first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bus.control.messages import ProcessStatus
from console.figures import Point
from supervisor.cli import units

#: Points of a sparkline: the last so many seconds.
TREND: Final = 16
_BARS: Final = "▁▂▃▄▅▆▇█"
_GOOD: Final = frozenset({"running"})
_BAD: Final = frozenset({"failed", "crash_loop", "needs_token"})


@dataclass(frozen=True)
class Glance:
    """One process as it is, and its points of the last minutes, the newest last.

    A standby is shown below its process, under a name of its own.
    """

    process: ProcessStatus
    points: Sequence[Point] = ()
    standby: bool = False

    @property
    def name(self) -> str:
        return "  standby" if self.standby else self.process.name

    @property
    def point(self) -> Point:
        if self.points:
            return self.points[-1]
        return Point(self.stat("ticks_per_s"), None, None, self.process.cpu_percent)

    def stat(self, key: str) -> float | None:
        value = self.process.stats.get(key)
        known = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if known and value is not None else None


@dataclass(frozen=True)
class Column:
    """How one figure is named, written, coloured and sorted.

    `rank` 0 stays in the narrowest terminal; `key` is what `top` sorts by with a keystroke.
    """

    title: str
    rank: int
    text: Callable[[Glance], str]
    left: bool = False
    style: Callable[[Glance], str] = lambda _: ""
    trend: Callable[[Glance], Sequence[float | None]] | None = None
    key: str = ""
    #: What it is sorted by; text upwards, numbers with the largest first.
    order: Callable[[Glance], float | str | None] = lambda _: None


def sparkline(values: Sequence[float | None], size: int = TREND) -> str:
    """The last `size` values as bars from nothing to the largest; a space for no value."""
    recent = list(values)[-size:]
    top = max((value for value in recent if value is not None), default=0.0)
    bars = [
        " " if value is None else _BARS[min(7, int(value / top * 8))] if top > 0 else _BARS[0]
        for value in recent
    ]
    return "".join(bars).rjust(size)


def _state_style(glance: Glance) -> str:
    state = glance.process.state
    return "green" if state in _GOOD else "red" if state in _BAD else "yellow"


def _latency(glance: Glance) -> str:
    point = glance.point
    if point.p99_us is None:
        return units.NONE
    return f"p50 {units.latency(point.p50_us)} · p99 {units.latency(point.p99_us)}"


COLUMNS: Final = (
    Column("Process", 0, lambda g: g.name, left=True, key="n", order=lambda g: g.process.name),
    Column(
        "State", 0, lambda g: g.process.state, left=True, style=_state_style,
        key="s", order=lambda g: g.process.state,
    ),
    Column("Gen", 9, lambda g: str(g.process.generation)),
    Column(
        "Restarts", 3, lambda g: str(g.process.restarts),
        key="r", order=lambda g: float(g.process.restarts),
    ),
    Column("PID", 7, lambda g: units.NONE if g.process.pid is None else str(g.process.pid)),
    Column("Up", 8, lambda g: units.duration(g.process.uptime_s)),
    Column(
        "CPU", 5, lambda g: units.percent(g.process.cpu_percent),
        key="c", order=lambda g: g.process.cpu_percent,
    ),
    Column(
        "Memory", 6, lambda g: units.megabytes(g.process.rss_bytes),
        key="m", order=lambda g: g.process.rss_bytes,
    ),
    Column(
        "Ticks/s", 1, lambda g: units.rate(g.point.ticks_per_s),
        trend=lambda g: [point.ticks_per_s for point in g.points],
        key="t", order=lambda g: g.point.ticks_per_s,
    ),
    Column("Last tick", 4, lambda g: units.age(g.stat("last_tick_age_s"))),
    Column(
        "Lost", 2, lambda g: units.count(g.stat("lost_total")),
        style=lambda g: "bold red" if g.stat("lost_total") else "",
        key="l", order=lambda g: g.stat("lost_total"),
    ),
    Column(
        "Latency", 3, _latency,
        trend=lambda g: [point.p99_us for point in g.points],
        key="p", order=lambda g: g.point.p99_us,
    ),
)  # fmt: skip


def fitting(
    widths: Mapping[str, int], trends: Mapping[str, int], room: int, gap: int = 2
) -> tuple[list[str], bool]:
    """Which columns fit into so many characters, and whether their sparklines do, too.

    Sparklines go first, all at once, then columns by rank; those of rank 0 stay.
    """
    chosen = [column for column in COLUMNS if column.title in widths]

    def total(columns: Sequence[Column]) -> int:
        return sum(widths[c.title] for c in columns) + gap * max(0, len(columns) - 1)

    lines = sum(trends.get(c.title, 0) for c in chosen)
    if lines and total(chosen) + lines <= room:
        return [c.title for c in chosen], True
    while total(chosen) > room and any(c.rank for c in chosen):
        chosen.remove(max(chosen, key=lambda c: c.rank))
    return [c.title for c in chosen], False


def ordered(glances: Sequence[Glance], key: str, *, backwards: bool = False) -> list[Glance]:
    """Sorted by the column of that key, a standby always below its process; "": as started.

    What has no value comes last either way.
    """
    column = next((column for column in COLUMNS if column.key == key), None)
    groups: list[list[Glance]] = []
    for glance in glances:
        if glance.standby and groups:
            groups[-1].append(glance)
        else:
            groups.append([glance])
    if column is None or not key:
        chosen = groups[::-1] if backwards else groups
    else:
        known = [group for group in groups if column.order(group[0]) is not None]
        numbers = any(isinstance(column.order(group[0]), int | float) for group in known)
        known.sort(key=lambda group: column.order(group[0]) or 0, reverse=numbers != backwards)
        chosen = known + [group for group in groups if column.order(group[0]) is None]
    return [glance for group in chosen for glance in group]
