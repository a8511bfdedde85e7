"""`brokers`: which brokers there are, and what each can do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from adapters.broker import Broker, Stream


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def brokers(names: tuple[str, ...], as_json: bool) -> None:
    """List brokers, built in and installed: modes, depth, limits, credentials.

    \b
    Examples:
      openalgo-stream brokers
      openalgo-stream brokers dhan --json
    """
    from adapters import registry

    told = [_told(registry.find(name)) for name in names or registry.known()]
    if as_json:
        click.echo(json.dumps(told))
        return
    from rich.console import Console

    Console().print(_table(told))


def _told(broker: Broker) -> dict[str, Any]:
    """A broker as JSON shows it."""
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
        feed = next(s for s in broker["streams"] if s["purpose"] == "ticks")
        table.add_row(
            broker["name"],
            " ".join(broker["modes"]).lower(),
            " ".join(map(str, broker["depth_levels"])),
            f"{feed['symbols_per_connection']} x {feed['connections']}",
            "yes" if broker["orders"] else "no",
            " ".join(broker["credentials"]) or "none",
        )
    return table
