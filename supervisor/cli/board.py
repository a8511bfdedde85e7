"""A status as lines of text: a headline, the table, and what is wrong with whom."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bus.control.messages import ProcessStatus, StatusReply
from console.figures import Point
from supervisor.cli import units
from supervisor.cli.columns import COLUMNS, TREND, Column, Glance, fitting, sparkline

if TYPE_CHECKING:
    from rich.text import Text

_GAP: Final = 2
#: What a sparkline needs beside its figure.
_CHART: Final = TREND + 1
#: A terminal that does not say how wide it is, and what is no terminal.
WIDE: Final = 200


def glances(
    reply: StatusReply, history: Mapping[str, Sequence[Point]] | None = None
) -> list[Glance]:
    """One per process and standby, in the supervisor's order."""
    points = history or {}
    found = []
    for process in reply.processes:
        found.append(Glance(process, points.get(process.name, ())))
        if process.standby is not None:
            found.append(Glance(process.standby, standby=True))
    return found


def headline(reply: StatusReply) -> str:
    """The whole system in one line, as the console's cards tell it."""
    of: dict[str, list[ProcessStatus]] = {}
    for process in reply.processes:
        of.setdefault(process.role, []).append(process)

    def total(roles: Sequence[str], key: str) -> float:
        some = [Glance(process) for role in roles for process in of.get(role, [])]
        return sum(glance.stat(key) or 0 for glance in some)

    up = sum(process.state == "running" for process in reply.processes)
    ticks = units.rate(total(["adapter"], "ticks_per_s"))
    messages = units.rate(total(["proxy"], "delivered_per_s"))
    clients = units.count(total(["proxy"], "clients"))
    lost = units.count(total(["proxy", "marketdata", "tap"], "lost_total"))
    return (
        f"{ticks} ticks/s from brokers · {messages} messages/s to {clients} clients · "
        f"{lost} lost · {up} of {len(reply.processes)} running"
    )


def footer(reply: StatusReply) -> str:
    supervisor = reply.supervisor
    return (
        f"supervisor pid {supervisor.pid}, up {units.duration(supervisor.uptime_s)}, "
        f"version {supervisor.version}"
    )


def board(
    rows: Sequence[Glance],
    width: int,
    *,
    notes: Callable[[ProcessStatus], str],
    trends: bool = False,
    plain: bool = False,
) -> list[Text]:
    """The table in `width` characters; `notes` go below a process, or beside where all fit.

    `plain` is for terminals that know ASCII only.
    """
    from rich.text import Text

    spell = _ascii if plain else str
    cells = [{column.title: spell(column.text(row)) for column in COLUMNS} for row in rows]
    layout = _layout(cells, width, trends=trends and not plain)
    told = [spell(notes(row.process)) for row in rows]
    room = width - layout.width
    beside = any(told) and all("\n" not in text and len(text) <= room for text in told)
    lines = [_line([(spell(c.title).ljust(s) if c.left else spell(c.title).rjust(s), "bold")
                    for c, s in layout.columns])]  # fmt: skip
    for row, cell, note in zip(rows, cells, told, strict=True):
        parts = [_part(row, cell[column.title], column, size) for column, size in layout.columns]
        lines.append(_line([*parts, (note if beside else "", "")]))
        if note and not beside:
            lines += [Text(text, style="dim") for text in _below(note, width)]
    return lines


@dataclass(frozen=True)
class _Layout:
    """The columns that are shown, and their sizes in characters, sparklines included."""

    columns: list[tuple[Column, int]]

    @property
    def width(self) -> int:
        return sum(size + _GAP for _, size in self.columns)


def _layout(cells: Sequence[Mapping[str, str]], width: int, *, trends: bool) -> _Layout:
    widths = {
        column.title: max([len(column.title), *(len(cell[column.title]) for cell in cells)])
        for column in COLUMNS
    }
    charts = {column.title: _CHART for column in COLUMNS if column.trend} if trends else {}
    titles, drawn = fitting(widths, charts, width, _GAP)
    extra = charts if drawn else {}
    return _Layout(
        [(c, widths[c.title] + extra.get(c.title, 0)) for c in COLUMNS if c.title in titles]
    )


def _part(row: Glance, text: str, column: Column, size: int) -> tuple[str, str]:
    """A cell, with its sparkline where there is room for one."""
    room = size - len(text)
    if column.trend is not None and room >= _CHART:
        text = sparkline(column.trend(row), TREND) + " " * (room - TREND) + text
    return (text.ljust(size) if column.left else text.rjust(size), column.style(row))


def _line(parts: Sequence[tuple[str, str]]) -> Text:
    from rich.text import Text

    line = Text(no_wrap=True, overflow="crop")
    for text, style in parts:
        line.append(text, style)
        line.append(" " * _GAP)
    line.rstrip()
    return line


def _below(note: str, width: int) -> Iterator[str]:
    for part in note.splitlines():
        yield from textwrap.wrap(
            part, max(20, width), initial_indent="    ", subsequent_indent="    "
        )


def _ascii(text: str) -> str:
    return text.replace("µ", "u").replace("·", "/")
