"""`recordings export` and `recordings import`: from and to what others use."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final

import click

from supervisor.cli.bars import bar
from supervisor.cli.instance import Instance, with_instance
from supervisor.cli.recorded import folder_of, json_option, moment_of, path_argument
from supervisor.errors import UserError

_FILE: Final = click.Path(path_type=Path)

# --- export ---------------------------------------------------------------------------------


@click.command()
@path_argument
@click.option(
    "--parquet",
    "out",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where to; it is written anew.",
)
@click.option("--from", "from_", metavar="MOMENT", help="2026-11-20T09:15, India's time.")
@click.option("--to", metavar="MOMENT", help="The last moment.")
@click.option("--symbol", "-s", "symbols", multiple=True, metavar="EXCH:SYMBOL", help="Only these.")
@json_option
@with_instance
def export(
    instance: Instance,
    path: Path | None,
    out: Path,
    from_: str | None,
    to: str | None,
    symbols: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write a recording's ticks into a Parquet file: one row each, nulls for what it lacks.

    \b
    Examples:
      openalgo-stream recordings export --parquet ticks.parquet
      openalgo-stream recordings export --from 2026-11-20T09:15 -s NSE:SBIN --parquet sbin.parquet
    """
    from recording import parquet
    from recording.archive import Archive, damage_line

    damaged: list[str] = []
    with Archive(folder_of(instance, path)) as archive:
        topics = _topics(list(archive.topics()), symbols)
        begin, end = moment_of(from_, 0), moment_of(to, archive.last_ns)
        frames = archive.frames(
            begin, end, topics, lambda s, d: damaged.append(damage_line(s.path, d))
        )
        span = max(1, end - max(begin, archive.first_ns))
        with bar("exporting", span, quiet=as_json) as progress:
            count = parquet.write(frames, out, lambda at: progress(at - (end - span)))
    for line in damaged:
        click.secho(line, fg="red", err=True)
    if as_json:
        click.echo(json.dumps({"file": str(out), "ticks": count, "damages": len(damaged)}))
    else:
        click.echo(f"{out}: {count} ticks")


def _topics(known: list[str], symbols: tuple[str, ...]) -> list[str] | None:
    """The topics of some instruments, at every adapter and in every mode; None: all."""
    from bus.topics import Topic

    if not symbols:
        return None
    wanted = {tuple(text.partition(":")[::2]) for text in symbols}
    chosen = []
    for text in known:
        topic = Topic.parse(text)
        if (topic.exchange, topic.symbol) in wanted:
            chosen.append(text)
    if not chosen:
        raise UserError(f"the recording has none of {', '.join(symbols)}")
    return chosen


# --- import ---------------------------------------------------------------------------------


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", "-o", metavar="FILE", type=click.Path(path_type=Path), help="FILE.rec here.")
@click.option(
    "--master", metavar="FILE", type=click.Path(path_type=Path), help="Names instruments."
)
@click.option(
    "--adapter", "-a", default="imported", show_default=True, help="Whose ticks they are."
)
@json_option
def import_(file: Path, out: Path | None, master: Path | None, adapter: str, as_json: bool) -> None:
    """Make a recording of market data that others recorded; formats as for `simulate --data`.

    Ticks are made as an adapter makes them, in mode DEPTH; a replay derives the others.

    \b
    Examples:
      openalgo-stream recordings import ticks.jsonl.gz --out 2025-12-15.rec
    """
    from bus.topics import Mode, is_adapter_name
    from recording.digest import Digest
    from recording.writer import FileSink
    from simulators.markets.recorded import load
    from supervisor.cli.market_frames import batches, frames_of

    if not is_adapter_name(adapter):
        raise click.UsageError(f"{adapter!r} cannot be an adapter's name")
    out = out or Path(file.name.partition(".")[0] + ".rec")
    digest, now_ns = Digest(), time.time_ns()
    market = load(file, master)
    try:
        sink = FileSink(out, now_ns)
    except OSError as error:
        raise UserError(f"{out}: cannot be made: {error.strerror}", "Name another --out.") from None
    try:
        with bar(f"importing {file.name}", None, quiet=as_json) as progress:
            for batch in batches(frames_of(market, adapter, [Mode.DEPTH])):
                sink.frames(batch, now_ns)
                for frame in batch:
                    digest.add(frame)
                progress(digest.ticks)
        sink.close()
    except BaseException:
        sink.abandon()
        out.unlink()
        raise
    told = {"file": str(out), "ticks": digest.ticks, "digest": digest.text()}
    click.echo(json.dumps(told) if as_json else f"{out}: {digest.ticks} ticks, {digest.text()}")
