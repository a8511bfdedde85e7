"""Showing a restart while it goes on."""

from __future__ import annotations

import time
from typing import Final

import click

from bus.messages import ProgressReply, ProgressRequest
from supervisor.cli.instance import Instance
from supervisor.errors import UserError

_LOOK_S: Final = 0.05


def follow(instance: Instance, name: str, failure: str = "") -> None:
    """Print each step of the restart of a process until it is over; `failure` is what it means
    that it was not.

    Raises:
        UserError: it failed.
    """
    told = 0
    while True:
        progress = instance.ask(ProgressRequest(name), ProgressReply)
        for line in progress.lines[told:]:
            click.echo(line)
        told = len(progress.lines)
        if progress.over:
            break
        time.sleep(_LOOK_S)
    if progress.failed:
        raise UserError(
            failure or f"{name} was not restarted",
            f"See `openalgo-stream logs {'supervisor' if failure else name}`.",
        )
