"""`brokers`: which brokers there are, and what each can do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from supervisor.cli import complete

if TYPE_CHECKING:
    from rich.table import Table

    from adapters.broker import Broker, Stream
    from adapters.source import Source


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete.brokers)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def brokers(names: tuple[str, ...], as_json: bool) -> None:
    """List brokers and other sources, built in and installed: modes, depth, limits, credentials.

    \b
    Examples:
      openalgo-stream brokers
      openalgo-stream brokers dhan --json
    """
    from adapters import registry

    told = [_told(registry.find_any(name)) for name in names or registry.known()]
    if as_json:
        click.echo(json.dumps(told))
        return
    from rich.console import Console

    Console().print(_table(told))


def _told(entry: Broker | Source) -> dict[str, Any]:
    """A broker or source as JSON shows it; a source has no streams."""
    from adapters.source import Source

    return _source(entry) if isinstance(entry, Source) else _broker(entry)


def _source(source: Source) -> dict[str, Any]:
    import msgspec

    return {
        "name": source.name,
        "title": source.title,
        "exchanges": list(source.exchanges),
        "modes": [mode.name for mode in source.modes],
        "depth_levels": [],
        "orders": source.orders,
        "credentials": list(source.credentials),
        "options": [field.encode_name for field in msgspec.structs.fields(source.options)],
        "may_overlap": source.may_overlap,
        "connections": None,
        "streams": [],
    }


def _broker(broker: Broker) -> dict[str, Any]:
    feeds = [stream for stream in broker.streams if stream.purpose == "ticks"]
    modes = {mode for stream in feeds for mode in stream.modes}
    return {
        "name": broker.name,
        "title": broker.title,
        "exchanges": list(broker.exchanges),
        "modes": [mode.name for mode in sorted(modes)],
        "depth_levels": sorted({s.depth_levels for s in feeds if _has_books(s)}),
        "orders": broker.pushes_orders,
        "credentials": list(broker.credentials),
        "may_overlap": broker.may_overlap,
        "connections": broker.connections,
        "streams": [_stream(stream) for stream in broker.streams],
    }


def _has_books(stream: Stream) -> bool:
    from bus.topics import Mode

    return Mode.DEPTH in stream.modes


def _stream(stream: Stream) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": stream.name,
        "purpose": stream.purpose,
        "connections": stream.connections,
    }
    if stream.purpose == "ticks":
        told |= {
            "symbols_per_connection": stream.symbols_per_connection,
            "modes": [mode.name for mode in stream.modes],
            "depth_levels": stream.depth_levels if _has_books(stream) else 0,
            "exchanges": list(stream.exchanges),
        }
    return told


def _table(told: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for column in ("broker", "modes", "depth", "symbols", "orders", "credentials"):
        table.add_column(column, no_wrap=column != "credentials")
    for broker in told:
        feed = next((s for s in broker["streams"] if s["purpose"] == "ticks"), None)
        table.add_row(
            broker["name"],
            " ".join(broker["modes"]).lower(),
            " ".join(map(str, broker["depth_levels"])),
            f"{feed['symbols_per_connection']} x {feed['connections']}" if feed else "any",
            "yes" if broker["orders"] else "no",
            " ".join(broker["credentials"]) or "none",
        )
    return table
