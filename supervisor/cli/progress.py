"""Showing a restart while it goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Final

import click

from bus.control.messages import ProgressReply, ProgressRequest
from supervisor.cli.bars import waiting
from supervisor.cli.instance import Instance
from supervisor.errors import UserError

_LOOK_S: Final = 0.05


def follow(
    instance: Instance,
    name: str,
    failure: str = "",
    *,
    as_json: bool = False,
    before: Iterable[str] = (),
) -> None:
    """Print each step of the restart of a process until it is over; `failure` is what it means
    that it was not. As JSON it is one line at the end, which begins with the lines `before`.

    Raises:
        UserError: it failed.
    """
    told = 0
    with waiting(f"restarting {name.strip('()')}", quiet=as_json) as say:
        while True:
            progress = instance.ask(ProgressRequest(name), ProgressReply)
            for line in progress.lines[told:]:
                if not as_json:
                    click.echo(line)
                say(line)
            told = len(progress.lines)
            if progress.over:
                break
            time.sleep(_LOOK_S)
    if as_json:
        lines = [*before, *progress.lines]
        outcome = {"name": name.strip("()"), "ok": not progress.failed, "lines": lines}
        click.echo(json.dumps(outcome))
    if progress.failed:
        raise UserError(
            failure or f"{name} was not restarted",
            f"See `openalgo-stream logs {'supervisor' if failure else name}`.",
        )
