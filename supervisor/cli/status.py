"""`status`: what runs, and how."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any

import click
import msgspec

from bus.control.messages import StatusReply, StatusRequest
from supervisor.cli import clients
from supervisor.cli.doing import doing
from supervisor.cli.instance import Instance, with_instance


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --watch a line per look.")
@click.option("--watch", "-w", is_flag=True, help="Refresh until Ctrl-C.")
@click.option(
    "--interval",
    "-i",
    type=click.FloatRange(min=0.1),
    default=1.0,
    show_default=True,
    help="With --watch: seconds between two looks.",
)
@click.option("--count", "-n", type=click.IntRange(min=1), help="With --watch: end after so many.")
@click.option("--clients", "show_clients", is_flag=True, help="Show the connected clients.")
@with_instance
def status(
    instance: Instance,
    as_json: bool,
    watch: bool,
    interval: float,
    count: int | None,
    show_clients: bool,
) -> None:
    """Show every process: state, restarts, CPU, memory, ticks, losses and latency.

    Latency is that of ticks since the process began; with --watch, that of the last look's.
    The columns are those of `top` and of the console.

    \b
    Examples:
      openalgo-stream status
      openalgo-stream status --watch
      openalgo-stream status --clients
      openalgo-stream status --json | jq '.processes[].state'
    """
    if show_clients:
        clients.show(instance, as_json=as_json)
    elif as_json:
        stream_json(instance, interval, count if watch else 1)
    elif watch:
        from supervisor.cli.live import show

        show(instance, interval, count, keys=False)
    else:
        _print(instance.ask(StatusRequest(), StatusReply))


def stream_json(instance: Instance, interval_s: float, count: int | None) -> None:
    """A line of JSON per look, until Ctrl-C or so many."""
    looks = 0
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            click.echo(json.dumps(as_builtins(instance.ask(StatusRequest(), StatusReply))))
            looks += 1
            if looks == count:
                return
            time.sleep(interval_s)


def as_builtins(reply: StatusReply) -> dict[str, Any]:
    """The documented JSON shape: `supervisor` and `processes`."""
    return {
        "supervisor": msgspec.to_builtins(reply.supervisor),
        "processes": msgspec.to_builtins(reply.processes),
    }


def _print(reply: StatusReply) -> None:
    from rich.console import Console

    from console.figures import Figures
    from supervisor.cli.board import WIDE, board, footer, glances

    figures = Figures()
    figures.take(reply, time.time_ns() // 1_000_000)
    console = Console(highlight=False)
    known = console.is_terminal or "COLUMNS" in os.environ
    width = console.width if known else WIDE
    lines = board(
        glances(reply, figures.history()),
        width,
        notes=doing,
        plain=console.options.ascii_only,
    )
    console.print(*lines, sep="\n", soft_wrap=True)
    console.print(f"\n{footer(reply)}", style="dim", soft_wrap=True)
