"""`logs`: what the processes wrote."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path

import click
import msgspec

from bus.logs.lines import fields, human, in_order
from supervisor.cli import complete
from supervisor.cli.instance import Instance, with_instance
from supervisor.errors import UserError


@click.command()
@click.argument("name", required=False, shell_complete=complete.logs)
@click.option("--follow", "-f", is_flag=True, help="Go on with what is written from now.")
@click.option("--lines", "-n", default=50, show_default=True, help="Lines from the end of each.")
@click.option("--json", "as_json", is_flag=True, help="The JSON lines of the files.")
@with_instance
def logs(instance: Instance, name: str | None, follow: bool, lines: int, as_json: bool) -> None:
    """Show the log of NAME, or of every process.

    \b
    Examples:
      openalgo-stream logs zerodha
      openalgo-stream logs -f
      openalgo-stream logs --json | jq 'select(.level == "warning")'
    """
    files = _files(instance, name)
    _show([line for file in files for line in _last(file, lines)], as_json=as_json)
    if follow:
        _follow(instance, name, {file: _size(file) for file in files}, as_json=as_json)


def _show(lines: Iterable[tuple[str, str]], *, as_json: bool) -> None:
    """Lines of several files, in order of time."""
    for process, line in in_order(lines):
        if not as_json:
            for text in human(line):
                click.echo(text)
        elif fields(line) is not None:
            click.echo(line)
        elif line.strip():  # what no logger wrote, such as a dump of stacks
            click.echo(msgspec.json.encode({"process": process, "event": line}))


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


def _last(file: Path, count: int) -> list[tuple[str, str]]:
    with file.open(encoding="utf-8", errors="replace") as lines:
        return [(file.stem, line.rstrip("\n")) for line in deque(lines, maxlen=count)]


def _follow(
    instance: Instance, name: str | None, offsets: dict[Path, int], *, as_json: bool
) -> None:
    """Print what is appended; a file that shrank was rotated and is read from its start."""
    while True:
        fresh: list[tuple[str, str]] = []
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
                whole = text[:complete].decode(errors="replace").split("\n")[:-1]
                fresh += [(file.stem, line) for line in whole]
                start += complete
            offsets[file] = start
        _show(fresh, as_json=as_json)
        time.sleep(0.1)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
