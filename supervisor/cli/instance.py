"""Which instance a command means, and how to ask its supervisor."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from bus.control.channel import ask
from bus.control.messages import Reply, Request
from bus.errors import UnreachableError
from supervisor import config
from supervisor.errors import NotRunningError, UserError
from supervisor.instance import runfile
from supervisor.instance.paths import StatePaths

R = TypeVar("R", bound=Reply)


@dataclass(frozen=True)
class Instance:
    """An instance by its configuration file; without one, the demo's."""

    file: Path | None

    @functools.cached_property
    def paths(self) -> StatePaths:
        return StatePaths(config.state_directory(self.file))

    def ask(self, request: Request, expect: type[R], timeout_s: float = 5.0) -> R:
        """The supervisor's answer.

        Raises:
            NotRunningError: nobody supervises this instance.
            UserError: refused, or no answer although the supervisor's process lives.
        """
        run = self.running()
        try:
            reply = ask(run.commands, run.secret, request, timeout_s)
        except UnreachableError:
            raise UserError(
                f"the supervisor, pid {run.pid}, does not answer",
                f"See {self.paths.log('supervisor')}; the data plane goes on without it.",
            ) from None
        if not isinstance(reply, expect):
            raise UserError(getattr(reply, "message", "an answer of another kind"))
        return reply

    def running(self) -> runfile.RunFile:
        """The run in force. Raises NotRunningError: there is none."""
        run = runfile.read(self.paths.run_file)
        if run is None or not runfile.is_alive(run.pid, run.create_time):
            of = f" for {self.file}" if self.file else ""
            raise NotRunningError(
                f"no supervisor is running{of}",
                "Start it with `openalgo-stream up`"
                + (f" --config {self.file}." if self.file else ", or `up --demo` for a demo."),
            )
        return run


def with_instance(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--config` and `--demo`, and its `instance` as the first argument."""

    @click.option("--config", "-c", "config_option", metavar="FILE", help="Configuration file.")
    @click.option("--demo", is_flag=True, help="The demo instance, whatever is configured here.")
    @click.pass_context
    @functools.wraps(command)
    def wrapped(
        ctx: click.Context, /, *args: Any, config_option: str | None, demo: bool, **kwargs: Any
    ) -> Any:
        return command(locate(ctx, config_option, demo=demo), *args, **kwargs)

    return wrapped


def locate(ctx: click.Context, option: str | None, *, demo: bool) -> Instance:
    """The instance that options and environment name; `--demo` passes over ./ files."""
    named = option or ctx.find_root().obj
    return Instance(config.find(named, look_here=not demo))
