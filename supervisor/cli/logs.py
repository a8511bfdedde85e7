"""`logs`: what the processes wrote."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

import click

from supervisor.cli.instance import Instance, with_instance
from supervisor.errors import UserError


@click.command()
@click.argument("name", required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on with what is written from now.")
@click.option("--lines", "-n", default=50, show_default=True, help="Lines from the end of each.")
@with_instance
def logs(instance: Instance, name: str | None, follow: bool, lines: int) -> None:
    """Show the log of NAME, or of every process.

    \b
    Examples:
      openalgo-stream logs zerodha
      openalgo-stream logs -f
    """
    files = _files(instance, name)
    recent = [line for file in files for line in _last(file, lines)]
    # Lines begin with their time, so sorting by text puts those of several files in order.
    for line in recent if len(files) == 1 else sorted(recent):
        click.echo(line)
    if follow:
        _follow(instance, name, {file: _size(file) for file in files})


def _files(instance: Instance, name: str | None) -> list[Path]:
    found = sorted(instance.paths.logs.glob("*.log"))
    if not found:
        raise UserError(
            f"there are no logs in {instance.paths.logs}", "Start with `openalgo-stream up`."
        )
    if name is None:
        return found
    wanted = instance.paths.log(name)
    if wanted not in found:
        known = ", ".join(file.stem for file in found)
        raise UserError(f"no process {name!r} has written a log", f"There are: {known}.")
    return [wanted]


def _last(file: Path, count: int) -> list[str]:
    with file.open(encoding="utf-8", errors="replace") as lines:
        return [line.rstrip("\n") for line in deque(lines, maxlen=count)]


def _follow(instance: Instance, name: str | None, offsets: dict[Path, int]) -> None:
    """Print what is appended; a file that shrank was rotated and is read from its start."""
    while True:
        for file in _files(instance, name):
            start = offsets.get(file, 0)
            size = _size(file)
            if size < start:
                start = 0
            if size > start:
                with file.open("rb") as stream:
                    stream.seek(start)
                    text = stream.read(size - start)
                complete = text.rfind(b"\n") + 1
                if complete:
                    click.echo(text[:complete].decode(errors="replace"), nl=False)
                start += complete
            offsets[file] = start
        time.sleep(0.1)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
