"""The live table of `status --watch` and `top`.

In a terminal it has the whole screen until it is left; elsewhere one table follows another, without
escape codes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from bus.control.messages import ProcessStatus, StatusReply, StatusRequest
from console.figures import Figures
from supervisor.cli.board import WIDE, board, footer, glances, headline
from supervisor.cli.columns import COLUMNS, ordered
from supervisor.cli.instance import Instance
from supervisor.cli.keyboard import Keyboard
from supervisor.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

#: A supervisor that hangs must not make the keys hang.
_ANSWER_S: Final = 1.5
#: A terminal whose size was changed is drawn anew after so long at most.
_LOOK_S: Final = 0.2
KEYS: Final = {column.key: column.title for column in COLUMNS if column.key}
HELP: Final = "sort by " + " ".join(f"{key} {title}" for key, title in KEYS.items())


class View:
    """What is seen: the newest status with its history, and how it is sorted."""

    def __init__(self, *, keys: bool) -> None:
        self.reply: StatusReply | None = None
        self.trouble = ""
        self._figures = Figures()
        self._keys = keys
        self._sort = ""
        self._backwards = False

    def take(self, reply: StatusReply) -> None:
        self.reply, self.trouble = reply, ""
        self._figures.take(reply, time.time_ns() // 1_000_000)

    def pressed(self, key: str) -> bool:
        """Whether to go on."""
        if not self._keys:
            return True
        if key == "o":
            self._sort, self._backwards = "", False
        elif key in KEYS:
            self._backwards = key == self._sort and not self._backwards
            self._sort = key
        return key not in {"q", "Q", "\x1b", "\x03"}

    def lines(self, width: int, *, plain: bool = False) -> list[Text]:
        """What to show in so many characters."""
        from rich.text import Text

        if self.reply is None:
            return [Text(self.trouble, style="red")]
        rows = ordered(
            glances(self.reply, self._figures.history()), self._sort, backwards=self._backwards
        )
        separator = "/" if plain else "·"
        told = [Text(headline(self.reply).replace("·", separator)), Text("")]
        told += board(rows, width, notes=trouble_of, trends=True, plain=plain)
        told += [Text(""), Text(footer(self.reply), style="dim")]
        if self.trouble:
            told.append(Text(self.trouble, style="bold red"))
        if self._keys:
            sorted_by = f"  (now: {KEYS[self._sort]})" if self._sort else ""
            told.append(Text(f"q quit, o as started, {HELP}{sorted_by}", style="dim"))
        return told


def trouble_of(process: ProcessStatus) -> str:
    """What is wrong with it, if anything."""
    return process.detail


def show(instance: Instance, interval_s: float, count: int | None, *, keys: bool) -> None:
    """Until Ctrl-C, `q` where there are keys, or so many looks.

    Raises:
        NotRunningError: nobody supervises when it begins; later that is shown and waited for.
    """
    from rich.console import Console

    console = Console(highlight=False)
    live = console.is_terminal and not console.is_dumb_terminal
    view = View(keys=keys and live and sys.stdin.isatty())
    view.take(instance.ask(StatusRequest(), StatusReply))
    with contextlib.suppress(KeyboardInterrupt):
        if live:
            _on_screen(instance, view, console, interval_s, count)
        else:
            _in_lines(instance, view, interval_s, count)
            return
    if not keys:  # what was last seen stays, like the output of any other command
        console.print(*view.lines(console.width), sep="\n", soft_wrap=True)


def _on_screen(
    instance: Instance, view: View, console: Console, interval_s: float, count: int | None
) -> None:
    from rich.console import Group
    from rich.live import Live

    def picture() -> Group:
        _measure(console)
        plain = console.options.ascii_only
        return Group(*view.lines(console.width, plain=plain)[: console.height])

    with (
        Keyboard() as keyboard,
        Live(picture(), console=console, screen=True, auto_refresh=False, transient=True) as screen,
    ):
        for _ in _looks(count):
            screen.update(picture(), refresh=True)
            end = time.monotonic() + interval_s
            size = _measure(console)
            while (left := end - time.monotonic()) > 0:
                key = keyboard.key(min(left, _LOOK_S))
                if key and not view.pressed(key):
                    return
                if key or _measure(console) != size:
                    size = _measure(console)
                    screen.update(picture(), refresh=True)
            _look(instance, view)


def _measure(console: Console) -> tuple[int, int]:
    """The terminal's size now; variables that a shell may have exported are of another moment."""
    from rich.console import ConsoleDimensions

    with contextlib.suppress(OSError):  # not the terminal that it seemed to be
        found = os.get_terminal_size(sys.stdout.fileno())
        if found.columns and found.lines:
            console.size = ConsoleDimensions(found.columns, found.lines)
    return console.size


def _in_lines(instance: Instance, view: View, interval_s: float, count: int | None) -> None:
    width = shutil.get_terminal_size((WIDE, 24)).columns
    plain = not _spells(sys.stdout.encoding)
    for number in _looks(count):
        if number:
            time.sleep(interval_s)
            view.take(instance.ask(StatusRequest(), StatusReply))
            click.echo()
        for line in view.lines(width, plain=plain):
            click.echo(line.plain)


def _look(instance: Instance, view: View) -> None:
    """A supervisor that ended or hangs may come back: what it last said is shown meanwhile."""
    try:
        view.take(instance.ask(StatusRequest(), StatusReply, _ANSWER_S))
    except UserError as error:
        view.trouble = str(error)


def _looks(count: int | None) -> Iterator[int]:
    number = 0
    while count is None or number < count:
        yield number
        number += 1


def _spells(encoding: str | None) -> bool:
    try:
        "µ·▁".encode(encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
