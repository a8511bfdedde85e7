"""`replay`: what a running replay does, and a replay of its own for once."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from typing import Any, Final

import click

from bus.control.messages import Done, ProcessStatus, StatusReply, StatusRequest, SteerRequest
from supervisor.cli import complete
from supervisor.cli.bars import bar
from supervisor.cli.instance import Instance, with_instance
from supervisor.cli.recorded import json_option, moment, moment_of
from supervisor.errors import UserError

_LOOK_S: Final = 0.25
_adapter_option = click.option(
    "--adapter",
    "-a",
    metavar="NAME",
    help="Which replay; not needed where there is one.",
    shell_complete=complete.adapters,
)


@click.group()
def replay() -> None:
    """Show and steer a replay that runs, or play a recording for once.

    \b
    Examples:
      openalgo-stream replay play yesterday.rec --speed 10
      openalgo-stream replay status --watch
    """


@replay.command()
@_adapter_option
@json_option
@click.option("--watch", "-w", is_flag=True, help="A progress bar until its end or Ctrl-C.")
@with_instance
def status(instance: Instance, adapter: str | None, as_json: bool, watch: bool) -> None:
    """Tell where a replay is, and the digest of its last whole pass.

    \b
    Examples:
      openalgo-stream replay status
      openalgo-stream replay status --watch
    """
    process = _replay(instance, adapter)
    if watch:
        _watch(instance, process.name)
        process = _replay(instance, process.name)
    stats = process.stats
    if as_json:
        click.echo(json.dumps({"name": process.name, **stats}))
        return
    click.echo(
        f"{process.name}: {stats['replay']} at {moment(_ns(stats['position_ns']))}, "
        f"from {moment(_ns(stats['first_ns']))} to {moment(_ns(stats['last_ns']))}, "
        f"{stats['pass_ticks']} ticks, pass {stats['passes_total']}"
    )
    if stats["digest"]:
        click.echo(f"digest of the last whole pass: {stats['digest']}")


@replay.command()
@_adapter_option
@json_option
@with_instance
def pause(instance: Instance, adapter: str | None, as_json: bool) -> None:
    """Hold a replay where it is.

    \b
    Examples:
      openalgo-stream replay pause
    """
    _steer(instance, adapter, "pause", as_json=as_json)


@replay.command()
@_adapter_option
@json_option
@with_instance
def resume(instance: Instance, adapter: str | None, as_json: bool) -> None:
    """Go on, or begin.

    \b
    Examples:
      openalgo-stream replay resume --adapter yesterday
    """
    _steer(instance, adapter, "resume", as_json=as_json)


@replay.command(context_settings={"ignore_unknown_options": True})
@click.argument("where", metavar="MOMENT")
@_adapter_option
@json_option
@with_instance
def seek(instance: Instance, where: str, adapter: str | None, as_json: bool) -> None:
    """Go to a moment: 10:30:00 of the day that is played, 2026-11-20T10:30, +5m or -30s.

    \b
    Examples:
      openalgo-stream replay seek 10:30
      openalgo-stream replay seek +5m
    """
    stats = _replay(instance, adapter).stats
    at_ns = moment_of(where, _ns(stats["position_ns"]) or _ns(stats["first_ns"]))
    _steer(instance, adapter, "seek", str(at_ns), moment(at_ns), as_json=as_json)


@replay.command()
@click.argument("times", type=click.FloatRange(min=0))
@_adapter_option
@json_option
@with_instance
def speed(instance: Instance, times: float, adapter: str | None, as_json: bool) -> None:
    """Play at so many TIMES real time; 0 is as fast as the slowest consumer reads.

    \b
    Examples:
      openalgo-stream replay speed 10
      openalgo-stream replay speed 0
    """
    _steer(instance, adapter, "speed", str(times), as_json=as_json)


@replay.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--speed", "times", type=click.FloatRange(min=0), default=1.0, show_default=True)
@click.option("--from", "from_", metavar="MOMENT", help="2026-11-20T09:15, India's time.")
@click.option("--to", metavar="MOMENT", help="The last moment.")
@click.option("--loop", is_flag=True, help="Begin again at the end.")
@click.option("--source", metavar="NAME", help="Whose ticks, where it holds those of several.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True)
@click.pass_context
def play(ctx: click.Context, /, path: Path, **options: Any) -> None:
    """Serve a recording to clients, in a system of its own, until Ctrl-C.

    Playing begins with the first subscription.

    \b
    Examples:
      openalgo-stream replay play yesterday.rec --speed 10
      openalgo-stream replay play recordings --from 2026-11-20T09:15 --to 2026-11-20T10:00
    """
    from supervisor.cli.control import down
    from supervisor.cli.oneoff import prepare
    from supervisor.cli.up import up

    file = prepare(path.absolute(), options)
    ctx.invoke(
        up, config_option=str(file), demo=False, detach=True, background=False, as_json=False
    )
    instance = Instance(file)
    try:
        _tell_how(instance, file)
        _watch(instance, "replay")
        click.echo("It has ended; Ctrl-C ends the system.")
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        click.echo("", err=True)
    finally:
        ctx.invoke(down, config_option=str(file), demo=False, as_json=False)


def _tell_how(instance: Instance, file: Path) -> None:
    """Where to connect, a key for it, and how to steer it."""
    from identity.keys import KeyStore

    with KeyStore(instance.paths.keys) as store:
        if any(key.name == "replay" and key.revoked is None for key in store.list()):
            store.revoke("replay")
        api_key = store.create("replay")
    processes = instance.ask(StatusRequest(), StatusReply).processes
    url = next((process.endpoint for process in processes if process.role == "proxy"), "")
    click.echo(
        f"\nRecorded prices: {url}\nAPI key: {api_key}\n"
        f"Steer it: openalgo-stream replay pause --config {shlex.quote(str(file))}\n"
        "Ctrl-C ends everything."
    )


def _watch(instance: Instance, name: str) -> None:
    """A bar until the recording was played to its end."""
    stats = _replay(instance, name).stats
    first, last = _ns(stats["first_ns"]), _ns(stats["last_ns"])
    with bar(name, max(1, last - first)) as progress:
        while (stats := _replay(instance, name).stats)["replay"] != "ended":
            progress(max(0, _ns(stats["position_ns"]) - first))
            time.sleep(_LOOK_S)


def _steer(
    instance: Instance,
    adapter: str | None,
    action: str,
    value: str = "",
    said: str = "",
    *,
    as_json: bool,
) -> None:
    """`said` is the value as a person says it."""
    name = _replay(instance, adapter).name
    instance.ask(SteerRequest(name, action, value), Done)
    if as_json:
        click.echo(json.dumps({"name": name, "action": action, "value": value}))
    else:
        click.echo(f"{name}: {action} {said or value}".rstrip())


def _replay(instance: Instance, adapter: str | None) -> ProcessStatus:
    """The replay that is meant."""
    processes = instance.ask(StatusRequest(), StatusReply).processes
    replays = [process for process in processes if "replay" in process.stats]
    chosen = [process for process in replays if adapter in {None, process.name}]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(process.name for process in replays) or "none"
    problem = "several replays run" if chosen else "no such replay runs"
    raise UserError(problem, f"Name one with --adapter; there are: {names}.")


def _ns(value: object) -> int:
    return value if isinstance(value, int) else 0
