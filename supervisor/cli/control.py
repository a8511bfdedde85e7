"""`down` and `restart`."""

from __future__ import annotations

import time
from typing import Final

import click

from bus.messages import Done, DownRequest, RestartRequest
from supervisor import runfile
from supervisor.cli.instance import Instance, with_instance
from supervisor.errors import UserError

_DOWN_TIMEOUT_S: Final = 45.0
_RESTART_TIMEOUT_S: Final = 45.0


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
@with_instance
def restart(instance: Instance, name: str) -> None:
    """Stop and start one process; the others go on.

    \b
    Example:
      openalgo-stream restart zerodha
    """
    click.echo(instance.ask(RestartRequest(name), Done, _RESTART_TIMEOUT_S).message)
