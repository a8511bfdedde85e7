"""`up`: start everything and keep it running."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Final

import click

from bus.control.messages import StatusReply, StatusRequest
from bus.logs.chain import file_handler, terminal_handler
from supervisor import compose, config
from supervisor.cli.bars import waiting
from supervisor.cli.instance import Instance, locate
from supervisor.cli.openalgo_logins import OpenAlgoLogins
from supervisor.cli.summary import print_demo, print_json, print_processes
from supervisor.config import Config
from supervisor.demo import with_demo
from supervisor.errors import UserError
from supervisor.instance import preflight, runfile
from supervisor.instance.lock import Lock, LockedError
from supervisor.instance.paths import StatePaths
from supervisor.processes.lifecycle import State
from supervisor.processes.logfiles import last_line, rotate
from supervisor.processes.managed import Managed
from supervisor.supervisor import Supervisor
from supervisor.vault import Vault

_UP_TIMEOUT_S: Final = 30.0
#: States in which waiting a moment longer changes nothing.
_SETTLED: Final = frozenset({State.RUNNING, State.FAILED, State.NEEDS_TOKEN, State.CRASH_LOOP})


@click.command()
@click.option("--config", "-c", "config_option", metavar="FILE", help="Configuration file.")
@click.option("--demo", is_flag=True, help="Add a simulated market; needs no account.")
@click.option("--detach", "-d", is_flag=True, help="Return when all is up; go on in background.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --detach.")
@click.option("--background", is_flag=True, hidden=True)
@click.pass_context
def up(
    ctx: click.Context,
    config_option: str | None,
    demo: bool,
    detach: bool,
    as_json: bool,
    background: bool,
) -> None:
    """Start the supervisor and every configured process.

    In the foreground Ctrl-C ends everything in order; a second one at once.

    \b
    Examples:
      openalgo-stream up --demo
      openalgo-stream up --config trading.toml --detach
      openalgo-stream up --detach --json
    """
    if as_json and not detach:
        raise click.UsageError("--json needs --detach")
    instance = locate(ctx, config_option, demo=demo)
    if instance.file is None and not demo:
        raise UserError(
            f"there is no configuration: no {config.DEFAULT_FILE} in this directory",
            "Try `openalgo-stream up --demo`, or write one with `openalgo-stream config init`.",
        )
    settings = config.load(instance.file)
    if demo:
        settings = with_demo(settings)
    paths = StatePaths(settings.state)
    previous = _refuse_early(instance.file, settings, paths)
    paths.make()
    if detach:
        _detach(instance, paths, demo=demo, as_json=as_json)
        return
    try:
        lock = Lock(paths.lock)
    except LockedError:
        raise _already_running(paths) from None
    _log_to(paths, terminal=not background)
    try:
        asyncio.run(
            _run(instance.file, settings, paths, previous, demo=demo, introduce=not background)
        )
    finally:
        lock.release()


def _refuse_early(file: Path | None, settings: Config, paths: StatePaths) -> runfile.RunFile | None:
    """All that can be known to be wrong is said before anything starts.

    Returns the run of a supervisor that died, whose processes are to be adopted.
    """
    previous = runfile.read(paths.run_file)
    if previous is not None and runfile.is_alive(previous.pid, previous.create_time):
        raise _already_running(paths)
    orphans = previous is not None and any(
        runfile.is_alive(p.pid, p.create_time) for p in previous.processes
    )
    found = problems_of(settings, check_port=not orphans)
    if found:
        raise config.located(found, file)
    return previous


def problems_of(settings: Config, *, check_port: bool) -> list[str]:
    """What cannot work, beside what the file itself shows."""
    from adapters.check import lacking
    from adapters.registry import known

    return preflight.problems(
        settings,
        brokers=known(),
        lacking=lacking,
        check_port=check_port,
    )


def _already_running(paths: StatePaths) -> UserError:
    run = runfile.read(paths.run_file)
    who = f", pid {run.pid}," if run else ""
    return UserError(
        f"a supervisor{who} is already running for this configuration",
        "See `openalgo-stream status`; end it with `openalgo-stream down`.",
    )


class _File:
    """The configuration's file, for `reload` (`supervisor.replacing.reloading.Source`)."""

    def __init__(
        self,
        file: Path | None,
        paths: StatePaths,
        vault: Vault,
        logins: OpenAlgoLogins,
        *,
        demo: bool,
    ) -> None:
        self._file = file
        self._paths = paths
        self._vault = vault
        self._logins = logins
        self._demo = demo
        self._random = Random()

    def read(self) -> Config:
        settings = config.load(self._file)
        settings = with_demo(settings) if self._demo else settings
        if found := problems_of(settings, check_port=False):
            raise config.located(found, self._file)
        return settings

    def compose(self, settings: Config, existing: Mapping[str, Managed]) -> list[Managed]:
        self._logins.take(settings)
        return compose.processes(settings, self._vault, self._paths, self._random, existing)


async def _run(
    file: Path | None,
    settings: Config,
    paths: StatePaths,
    previous: runfile.RunFile | None,
    *,
    demo: bool,
    introduce: bool,
) -> None:
    vault = Vault(settings)
    logins = OpenAlgoLogins(settings)
    source = _File(file, paths, vault, logins, demo=demo)
    supervisor = Supervisor(paths, settings, source, vault=vault, tokens=logins, previous=previous)

    async def introduction() -> None:
        deadline = time.monotonic() + _UP_TIMEOUT_S
        while time.monotonic() < deadline and not _settled(supervisor.status()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        reply = supervisor.status()
        print_processes(reply, paths)
        if demo:
            print_demo(reply, paths)
        click.echo("Ctrl-C ends everything.")

    await supervisor.run(on_up=introduction if introduce else None)


def _settled(reply: StatusReply) -> bool:
    return all(process.state in _SETTLED for process in reply.processes)


def _log_to(paths: StatePaths, *, terminal: bool) -> None:
    """The supervisor's own lines: short in the terminal, whole in its file."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    root.handlers = [file_handler(paths.log("supervisor"), "supervisor")]
    if terminal:
        root.addHandler(terminal_handler())


# --- in the background ----------------------------------------------------------------------


def _detach(instance: Instance, paths: StatePaths, *, demo: bool, as_json: bool) -> None:
    """Start `up` again in the background and wait until it has brought everything up."""
    command = [sys.executable, "-P", "-m", "supervisor", "up", "--background"]
    if instance.file is not None:
        command += ["--config", str(instance.file)]
    if demo:
        command.append("--demo")
    output = paths.log("supervisor")
    rotate(output)
    with output.open("ab") as log:
        background = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    with waiting("starting", quiet=as_json) as say:
        reply = _await_up(instance, background, output, say)
    if as_json:
        print_json(reply, paths, demo=demo)
    else:
        print_processes(reply, paths)
        if demo:
            print_demo(reply, paths)
    for process in reply.processes:
        if process.role == "proxy" and process.state != State.RUNNING:
            raise UserError(
                f"the proxy is {process.state}: {process.detail}",
                "See `openalgo-stream logs proxy`.",
            )


def _await_up(
    instance: Instance,
    background: subprocess.Popen[bytes],
    output: Path,
    say: Callable[[str], None],
) -> StatusReply:
    deadline = time.monotonic() + _UP_TIMEOUT_S
    reply: StatusReply | None = None
    while time.monotonic() < deadline:
        if background.poll() is not None:
            raise UserError(f"the supervisor ended: {last_line(output)}", f"See {output}.")
        try:
            reply = instance.ask(StatusRequest(), StatusReply)
        except UserError:  # not there yet
            reply = None
        if reply is not None and _settled(reply):
            return reply
        if reply is not None:
            late = [p.name for p in reply.processes if p.state not in _SETTLED]
            up_now = len(reply.processes) - len(late)
            say(f"{up_now} of {len(reply.processes)} are up; waiting for {', '.join(late)}")
        time.sleep(0.05)
    if reply is None:
        raise UserError(f"no answer from the supervisor in {_UP_TIMEOUT_S:g} s", f"See {output}.")
    return reply
