"""Progress on the terminal, for people: on standard error, and only where that is a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import RenderableType

#: Whoever waits longer than this wants to see something move, in seconds.
PATIENCE_S: Final = 1.0


@contextmanager
def bar(
    text: str, total: float | None, *, quiet: bool = False
) -> Iterator[Callable[[float], None]]:
    """Gives what moves the bar to a place between 0 and `total`; None: nobody knows the end."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if quiet or not console.is_terminal or total == 0:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
    )
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # else output for a file would go to the terminal
    ) as progress:
        task = progress.add_task(text, total=total)
        yield lambda at: progress.update(task, completed=at)


@contextmanager
def waiting(text: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """A moving sign with the seconds that went by, once it takes longer than one likes to wait.

    Gives what says what is being waited for now. What is printed meanwhile stands above it.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    if console.is_dumb_terminal:
        yield lambda _: None
        return
    sign = _Sign(text)
    live = Live(
        get_renderable=sign.drawn,
        console=console,
        transient=True,
        refresh_per_second=8,
        # Output that goes elsewhere must not be led to the terminal.
        redirect_stdout=sys.stdout.isatty(),
    )
    with live:
        yield sign.say


class _Sign:
    """One line, drawn anew at each refresh; nothing at first."""

    def __init__(self, text: str) -> None:
        from rich.spinner import Spinner

        self._spinner = Spinner("dots", text)
        self._began = time.monotonic()
        self._text = text

    def say(self, text: str) -> None:
        self._text = text

    def drawn(self) -> RenderableType:
        passed = time.monotonic() - self._began
        if passed < PATIENCE_S:
            return ""
        self._spinner.update(text=f"{self._text} ({passed:.0f} s)")
        return self._spinner
