"""`status`: what runs, and how."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click
import msgspec

from bus.messages import ProcessStatus, StatusReply, StatusRequest
from supervisor.cli import clients
from supervisor.cli.doing import doing
from supervisor.cli.instance import Instance, with_instance

if TYPE_CHECKING:
    from rich.table import Table

_GOOD = frozenset({"running"})
_BAD = frozenset({"failed", "crash_loop", "needs_token"})


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--watch", "-w", is_flag=True, help="Refresh once a second until Ctrl-C.")
@click.option("--clients", "show_clients", is_flag=True, help="Show the connected clients.")
@with_instance
def status(instance: Instance, as_json: bool, watch: bool, show_clients: bool) -> None:
    """Show every process: state, restarts, CPU, memory, ticks and losses.

    \b
    Examples:
      openalgo-stream status --watch
      openalgo-stream status --clients
      openalgo-stream status --json | jq '.processes[].state'
    """
    if show_clients:
        clients.show(instance, as_json=as_json)
        return
    while True:
        reply = instance.ask(StatusRequest(), StatusReply)
        if watch and not as_json:
            _watch(instance, reply)
            return
        if as_json:
            click.echo(json.dumps(as_builtins(reply)))
        else:
            _print(reply)
        if not watch:
            return
        time.sleep(1.0)


def as_builtins(reply: StatusReply) -> dict[str, Any]:
    """The documented JSON shape: `supervisor` and `processes`."""
    return {
        "supervisor": msgspec.to_builtins(reply.supervisor),
        "processes": msgspec.to_builtins(reply.processes),
    }


def _print(reply: StatusReply) -> None:
    from rich.console import Console

    Console().print(_table(reply))


def _watch(instance: Instance, reply: StatusReply) -> None:
    from rich.live import Live

    with Live(_table(reply), auto_refresh=False) as live:
        while True:
            time.sleep(1.0)
            live.update(_table(instance.ask(StatusRequest(), StatusReply)), refresh=True)


def _table(reply: StatusReply) -> Table:
    from rich.table import Table

    table = Table(
        caption=f"supervisor pid {reply.supervisor.pid}, up "
        f"{_duration(reply.supervisor.uptime_s)}, version {reply.supervisor.version}",
        caption_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    for heading in ("NAME", "STATE"):
        table.add_column(heading, no_wrap=True)
    for heading in ("PID", "GEN", "RST", "UP", "CPU%", "MB"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("DOING", overflow="fold")
    for process in reply.processes:
        _add(table, process, process.name)
        if process.standby is not None:
            _add(table, process.standby, "  standby")
    return table


def _add(table: Table, process: ProcessStatus, name: str) -> None:
    from rich.text import Text

    style = "green" if process.state in _GOOD else "red" if process.state in _BAD else "yellow"
    table.add_row(
        name,
        Text(process.state, style=style),
        _or_dash(process.pid),
        str(process.generation),
        str(process.restarts),
        _duration(process.uptime_s),
        _or_dash(process.cpu_percent, ".0f"),
        _or_dash(process.rss_bytes and process.rss_bytes / 1e6, ".0f"),
        doing(process),
    )


def _or_dash(value: float | None, form: str = "d") -> str:
    return "-" if value is None else format(value, form)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{seconds:.1f}s"
