"""`status --clients`: who is connected, and who does not keep up."""

from __future__ import annotations

import json

import click
import msgspec

from bus.control.messages import ClientsReply, ClientsRequest, ClientStatus
from supervisor.cli.instance import Instance


def show(instance: Instance, *, as_json: bool) -> None:
    """Print it once."""
    reply = instance.ask(ClientsRequest(), ClientsReply)
    if as_json:
        click.echo(json.dumps(as_builtins(reply)))
        return
    _print(reply)


def as_builtins(reply: ClientsReply) -> dict[str, object]:
    """The documented JSON shape: `proxies`, and `clients`, each with its proxy's name."""
    return {
        "proxies": [{"name": p.name, "clients": p.total} for p in reply.proxies],
        "clients": [
            {"proxy": proxy.name, **msgspec.to_builtins(client)}
            for proxy in reply.proxies
            for client in proxy.clients
        ],
    }


def _print(reply: ClientsReply) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("KEY", "ADDRESS", "PROXY"):
        table.add_column(heading, no_wrap=True)
    for heading in ("UP", "SUBS", "DELIVERED", "QUEUE", "CONFLATED", "DROPPED"):
        table.add_column(heading, justify="right", no_wrap=True)
    for proxy in reply.proxies:
        for client in proxy.clients:
            table.add_row(
                Text(client.key or "not logged in", style=_style(client)),
                client.address,
                proxy.name,
                f"{client.connected_s:.0f}s",
                f"{client.subscriptions:,}",
                f"{client.delivered:,}",
                f"{client.queue_bytes:,}",
                f"{client.conflated:,}",
                f"{client.dropped:,}",
            )
    console = Console()
    console.print(table)
    for proxy in reply.proxies:
        if proxy.total is None:
            console.print(f"{proxy.name} did not answer", style="red")
        elif proxy.total > len(proxy.clients):
            console.print(f"{proxy.name}: {proxy.total - len(proxy.clients):,} more")


def _style(client: ClientStatus) -> str:
    return "yellow" if client.conflating else "" if client.key else "dim"
