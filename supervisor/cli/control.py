"""`down` and `restart`."""

from __future__ import annotations

import time
from typing import Final

import click

from bus.messages import Done, DownRequest, RestartRequest
from supervisor import runfile
from supervisor.cli.instance import Instance, with_instance
from supervisor.cli.progress import follow
from supervisor.errors import UserError

_DOWN_TIMEOUT_S: Final = 45.0


@click.command()
@with_instance
def down(instance: Instance) -> None:
    """End the supervisor and all its processes, in order."""
    run = instance.running()
    instance.ask(DownRequest(), Done)
    deadline = time.monotonic() + _DOWN_TIMEOUT_S
    while runfile.is_alive(run.pid, run.create_time):
        if time.monotonic() > deadline:
            raise UserError(
                f"the supervisor, pid {run.pid}, is still stopping",
                f"See {instance.paths.log('supervisor')}.",
            )
        time.sleep(0.05)
    click.echo("down: nothing of this instance runs any more")


@click.command()
@click.argument("name")
@click.option("--hard", is_flag=True, help="Stop it first, then start it: no hand-over.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=30.0,
    show_default=True,
    help="Seconds for the new generation to come up.",
)
@with_instance
def restart(instance: Instance, name: str, hard: bool, timeout: float) -> None:
    """Replace one process by its next generation; the others go on.

    Adapters and the market-data service are handed over: the new generation is connected and
    subscribed before the old one ends, and no client misses a tick. If the new one does not
    come up, the old one stays and the command fails.

    \b
    Examples:
      openalgo-stream restart zerodha
      openalgo-stream restart proxy --timeout 10
    """
    instance.ask(RestartRequest(name, hard, timeout), Done)
    follow(instance, name)
