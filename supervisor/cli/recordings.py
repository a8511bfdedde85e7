"""`recordings list|verify|export|import`: what was recorded, with or without a supervisor."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from supervisor.cli.bars import bar
from supervisor.cli.instance import Instance, with_instance
from supervisor.cli.recorded import folder_of, json_option, moment, path_argument
from supervisor.cli.recordings_convert import export, import_
from supervisor.errors import FAILED

if TYPE_CHECKING:
    from bus.frames import Frame
    from recording.digest import Digest
    from recording.segment import Inspection, Segment


@click.group()
def recordings() -> None:
    """List, check, export and import recordings; PATH is a folder or file of them.

    Without PATH it is the folder where this instance's recorder writes.

    \b
    Examples:
      openalgo-stream recordings list
      openalgo-stream recordings verify yesterday.rec
      openalgo-stream recordings export --parquet ticks.parquet
    """


recordings.add_command(export)
recordings.add_command(import_)

# --- list -----------------------------------------------------------------------------------


@recordings.command("list")
@path_argument
@json_option
@with_instance
def list_(instance: Instance, path: Path | None, as_json: bool) -> None:
    """List the files of a recording: from when to when, ticks, topics, size.

    \b
    Examples:
      openalgo-stream recordings list
      openalgo-stream recordings list yesterday.rec --json
    """
    from recording.archive import Archive

    with Archive(folder_of(instance, path)) as archive:
        told = [_segment(segment) for segment in archive.segments]
    if as_json:
        click.echo(json.dumps(told))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for column in ("file", "from", "to", "ticks", "topics", "MB", ""):
        justify: Literal["right", "left"] = (
            "right" if column in {"ticks", "topics", "MB"} else "left"
        )
        table.add_column(column, justify=justify, no_wrap=column == "file", overflow="fold")
    for row in told:
        missing = sum(gap["lost"] or 0 for gap in row["gaps"])
        notes = [
            *([] if row["complete"] else ["not closed"]),
            *(f"{missing} lost",) * (missing > 0),
        ]
        table.add_row(
            row["file"],
            moment(row["first_ns"]),
            moment(row["last_ns"]),
            f"{row['ticks']:,}",
            str(row["topics"]),
            f"{row['bytes'] / 1e6:.1f}",
            ", ".join(notes),
        )
    Console().print(table)


def _segment(segment: Segment) -> dict[str, Any]:
    import msgspec

    index = segment.index
    return {
        "file": segment.path.name,
        "bytes": segment.size,
        "records": index.records,
        "ticks": index.ticks,
        "topics": len(index.topics),
        "first_ns": index.first_ns,
        "last_ns": index.last_ns,
        "complete": index.complete,
        "gaps": msgspec.to_builtins(index.gaps),
    }


# --- verify ---------------------------------------------------------------------------------


@recordings.command()
@path_argument
@json_option
@with_instance
def verify(instance: Instance, path: Path | None, as_json: bool) -> None:
    """Read everything and tell what is damaged or missing; exit code 1 if anything is damaged.

    The digest of an adapter's ticks is the one that a replay of the whole recording shows.

    \b
    Examples:
      openalgo-stream recordings verify
      openalgo-stream recordings verify yesterday.rec
    """
    from recording.archive import Archive, damage_line

    digests: dict[str, Digest] = {}
    files = []
    with Archive(folder_of(instance, path)) as archive:
        total = sum(segment.size for segment in archive.segments)
        before = 0
        with bar("reading", total, quiet=as_json) as progress:
            for segment in archive.segments:
                found = segment.inspect(_shifted(progress, before), _digesting(digests))
                before += segment.size
                files.append(_verified(segment, found))
                if not as_json:
                    for damage in found.damages:
                        click.secho(damage_line(segment.path, damage), fg="red", err=True)
    told = {name: {"ticks": d.ticks, "digest": d.text()} for name, d in sorted(digests.items())}
    if as_json:
        click.echo(json.dumps({"files": files, "adapters": told}))
    else:
        _print_verified(files, told)
    if any(row["damages"] for row in files):
        raise SystemExit(FAILED)


def _verified(segment: Segment, found: Inspection) -> dict[str, Any]:
    import msgspec

    return {
        "file": segment.path.name,
        "records": found.contents.records,
        "ticks": found.contents.ticks,
        "complete": found.contents.complete,
        "unreadable": found.unreadable,
        "lost": found.lost,
        "damages": [msgspec.to_builtins(damage._asdict()) for damage in found.damages],
        "gaps": msgspec.to_builtins(found.contents.gaps),
    }


def _print_verified(files: list[dict[str, Any]], adapters: dict[str, dict[str, Any]]) -> None:
    for row in files:
        state = "damaged" if row["damages"] else "sound" if row["complete"] else "sound, not closed"
        click.echo(f"{row['file']}: {state}, {row['records']} records, {row['ticks']} ticks")
        for gap in row["gaps"]:
            lost = "nobody knows how many" if gap["lost"] is None else gap["lost"]
            click.echo(
                f"  gap ({gap['reason']}) {moment(gap['since_ns'])} - "
                f"{moment(gap['until_ns'])}: {lost} lost"
            )
    for name, row in adapters.items():
        click.echo(f"{name}: {row['ticks']} ticks, digest {row['digest']}")


def _digesting(digests: dict[str, Digest]) -> Callable[[Frame], None]:
    from bus.frames import Kind
    from recording.digest import Digest

    def on_frame(frame: Frame) -> None:
        if frame.kind == Kind.TICK:
            word = frame.topic.partition(b"_")[0].decode(errors="replace")
            digests.setdefault(word, Digest()).add(frame)

    return on_frame


def _shifted(progress: Callable[[float], None], before: int) -> Callable[[int], None]:
    return lambda offset: progress(before + offset)
