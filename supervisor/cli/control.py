"""`down`, `restart` and `reload`."""

from __future__ import annotations

import json
import time
from typing import Final

import click

from bus.control.messages import (
    RELOAD,
    Done,
    DownRequest,
    PlanReply,
    ReloadRequest,
    RestartRequest,
    StatusReply,
    StatusRequest,
)
from supervisor.cli import complete
from supervisor.cli.bars import waiting
from supervisor.cli.instance import Instance, with_instance
from supervisor.cli.progress import follow
from supervisor.errors import UserError
from supervisor.instance import runfile
from supervisor.ordering import START_ORDER

_DOWN_TIMEOUT_S: Final = 45.0


_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=30.0,
    show_default=True,
    help="Seconds for a new generation to come up.",
)


@click.command()
@_json_option
@with_instance
def down(instance: Instance, as_json: bool) -> None:
    """End the supervisor and all its processes, in order.

    Adapters log out first, then clients are told and disconnected. It returns when nothing runs
    any more; exit code 3 means that nothing did.

    \b
    Examples:
      openalgo-stream down
      openalgo-stream down --config trading.toml
    """
    run = instance.running()
    instance.ask(DownRequest(), Done)
    deadline = time.monotonic() + _DOWN_TIMEOUT_S
    with waiting("stopping", quiet=as_json):
        while runfile.is_alive(run.pid, run.create_time):
            if time.monotonic() > deadline:
                raise UserError(
                    f"the supervisor, pid {run.pid}, is still stopping",
                    f"See {instance.paths.log('supervisor')}.",
                )
            time.sleep(0.05)
    if as_json:
        click.echo(json.dumps({"pid": run.pid, "down": True}))
    else:
        click.echo("down: nothing of this instance runs any more")


@click.command()
@click.argument("name", required=False, shell_complete=complete.processes)
@click.option("--all", "everything", is_flag=True, help="Every process, one after the other.")
@click.option("--hard", is_flag=True, help="Stop it first, then start it: no hand-over.")
@_timeout_option
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON per process.")
@with_instance
def restart(
    instance: Instance,
    name: str | None,
    everything: bool,
    hard: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Replace one process by its next generation; the others go on.

    Adapters and the proxy are handed over: the new generation is connected and subscribed
    before the old one ends, and no client misses a tick. If the new one does not come up, the
    old one stays and the command fails. The proxy's next generation gets its port and its
    clients' open connections: nobody is disconnected but clients that use TLS, which have to
    connect again (spread over [proxy] drain_s). The market-data service's next generation gets
    port, connections and paper accounts: requests wait for a moment, and none is lost. Other
    processes are stopped and started. --all goes through all of them in turn, and stops at the
    first failure.

    \b
    Examples:
      openalgo-stream restart zerodha
      openalgo-stream restart proxy --timeout 10
      openalgo-stream restart --all
    """
    if everything == (name is not None):
        raise click.UsageError("name one process, or give --all")
    for one in _rolling(instance) if name is None else [name]:
        instance.ask(RestartRequest(one, hard, timeout), Done)
        follow(instance, one, as_json=as_json)


def _rolling(instance: Instance) -> list[str]:
    """Every process of ours, those that feed others first; simulators are no part of it."""
    processes = instance.ask(StatusRequest(), StatusReply).processes
    return [
        p.name for role in START_ORDER if role != "simulator" for p in processes if p.role == role
    ]


@click.command()
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
@_timeout_option
@_json_option
@with_instance
def reload(instance: Instance, dry_run: bool, timeout: float, as_json: bool) -> None:
    """Read the configuration again and touch only what changed.

    The plan is printed first; a configuration with a mistake changes nothing. What `env:VAR`
    names is read from the environment in which the supervisor was started.

    \b
    Examples:
      openalgo-stream reload --dry-run
      openalgo-stream reload
    """
    plan = instance.ask(ReloadRequest(dry_run, timeout), PlanReply)
    if as_json and dry_run:
        click.echo(json.dumps({"name": "reload", "ok": True, "lines": plan.lines}))
    elif not as_json:
        for line in plan.lines or ["nothing changed"]:
            click.echo(line)
    if not dry_run:
        follow(
            instance,
            RELOAD,
            "the configuration was not reloaded as a whole",
            as_json=as_json,
            before=plan.lines,
        )
