"""`bench`: how much this machine carries, measured in about a minute."""

from __future__ import annotations

import contextlib
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from bus.control.messages import ProcessStatus, StatusReply, StatusRequest
from bus.measuring.latency import Latency
from supervisor.cli import units
from supervisor.cli.bars import bar
from supervisor.cli.bench_ladder import Step, best, ladder, verdict
from supervisor.cli.instance import Instance
from supervisor.errors import FAILED, UserError

_FIRST: Final = 5
_START_S: Final = 60.0
#: After a change of the load, until it is even; then until the figures of all were told.
_SETTLE_S: Final = 1.0
_TOLD_S: Final = 1.2
_CONFIG: Final = """
[paths]
state = "state"
[proxy]
port = 0
[marketdata]
port = 0
[console]
enabled = false
[limits]
connections_per_address = 100000
handshakes_per_minute = 1000000
[roles.bench]
connections = 100000
[simulators.market]
broker = "zerodha"
rate = {rate}
[adapters.bench]
broker = "zerodha"
url = "simulator:market"
instruments = "simulator:market"
credentials = {{ api_key = "bench", access_token = "bench" }}
"""


@click.command()
@click.option(
    "--rate",
    type=click.FloatRange(1, 5000),
    default=500.0,
    show_default=True,
    help="Ticks per second that each client gets.",
)
@click.option(
    "--max-clients",
    type=click.IntRange(1, 2000),
    default=640,
    show_default=True,
    help="More are not tried.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1, 60),
    default=3.0,
    show_default=True,
    help="How long each load is measured.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def bench(rate: float, max_clients: int, seconds: float, as_json: bool) -> None:
    """Measure how many clients this machine carries, and with which latency.

    A system of its own is started in a temporary folder, on loopback and free ports: a simulated
    market, the adapter, the bus and the proxy, as with a real account. The number of clients is
    doubled until ticks are lost, conflated or late, or --max-clients is reached. Latency is from
    the broker's bytes in the adapter to the client's socket in the proxy; the clients run here,
    too, and share its cores. What runs beside it counts: measure a quiet machine.

    \b
    Examples:
      openalgo-stream bench
      openalgo-stream bench --rate 2000 --max-clients 100
      openalgo-stream bench --json > this-machine.json
    """
    steps: list[Step] = []
    loads = ladder(_FIRST, max_clients)
    with (
        bar("measuring", len(loads), quiet=as_json) as progress,
        _running(rate) as instance,
        _clients(instance) as ask,
    ):
        connected = 0
        for number, clients in enumerate(loads):
            ask(f"connect {clients - connected}")
            connected = clients
            steps.append(_measure(instance, ask, clients, rate, seconds))
            if not as_json:
                _print(steps[-1], first=not number)
            progress(number + 1)
            if steps[-1].trouble:
                break
    told = verdict(steps)
    if as_json:
        click.echo(json.dumps({**_machine(), "steps": [_told(s) for s in steps], "verdict": told}))
    else:
        click.echo()
        for line in told:
            click.echo(line)
    if best(steps) is None:
        raise SystemExit(FAILED)


def _machine() -> dict[str, Any]:
    import psutil

    from bus import __version__

    return {
        "version": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": psutil.cpu_count(),
    }


def _told(step: Step) -> dict[str, Any]:
    return {**asdict(step), "sustained": not step.trouble, "trouble": step.trouble}


def _print(step: Step, *, first: bool) -> None:
    if first:
        click.secho(
            f"{'clients':>8}{'messages/s':>12}{'arrived':>9}{'lost':>6}{'p50':>10}{'p99':>10}"
            f"{'p99.9':>10}{'CPU':>7}",
            bold=True,
        )
    latencies = "".join(
        f"{units.latency(value):>10}" for value in (step.p50_us, step.p99_us, step.p999_us)
    )
    click.secho(
        f"{step.clients:>8}{step.delivered_per_s:>12,.0f}{min(step.share, 1):>9.0%}{step.lost:>6}"
        f"{latencies}{step.cpu_percent:>5.0f} %",
        fg="red" if step.trouble else None,
    )


# --- the system -----------------------------------------------------------------------------


@contextlib.contextmanager
def _running(rate: float) -> Iterator[Instance]:
    """A system of its own, ended and removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="openalgo-stream-bench-") as folder:
        file = Path(folder) / "bench.toml"
        file.write_text(_CONFIG.format(rate=rate), encoding="utf-8")
        try:
            _command("up", "--detach", file=file)
            yield Instance(file)
        finally:
            with contextlib.suppress(UserError, subprocess.TimeoutExpired):
                _command("down", file=file)


def _command(*words: str, file: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "supervisor", *words, "--config", str(file)],
        capture_output=True,
        text=True,
        timeout=_START_S,
        check=False,
    )
    if done.returncode:
        raise UserError(
            f"the system to measure: {done.stderr.strip()}", "Try `openalgo-stream doctor`."
        )
    return done.stdout


@contextlib.contextmanager
def _clients(instance: Instance) -> Iterator[Callable[[str], dict[str, Any]]]:
    """The process with the clients; gives what tells it to do something."""
    file = instance.file
    if file is None:
        raise UserError("there is nothing to measure")
    key = json.loads(_command("keys", "create", "bench", "--role", "bench", "--json", file=file))
    settings = {
        "port": int(_process(_status(instance), "proxy").endpoint.rpartition(":")[2]),
        "key": key["api_key"],
        "symbols": _symbols(file),
    }
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "supervisor.cli.bench_clients"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def ask(line: str) -> dict[str, Any]:
        if child.stdin is None or child.stdout is None:
            raise UserError("the clients have no pipes")
        child.stdin.write(line + "\n")
        child.stdin.flush()
        answer = child.stdout.readline()
        if not answer:
            raise UserError("the clients ended", "See the lines above.")
        told: dict[str, Any] = json.loads(answer)
        return told

    with child:
        try:
            ask(json.dumps(settings))
            yield ask
        finally:
            child.kill()


def _symbols(file: Path) -> list[dict[str, str]]:
    """What the simulated market has: its instruments were taken when it came up."""
    found = _command("instruments", "search", "", "--limit", "1000", "--json", file=file)
    return [{key: row[key] for key in ("exchange", "symbol")} for row in json.loads(found)]


# --- measuring ------------------------------------------------------------------------------


def _measure(
    instance: Instance,
    ask: Callable[[str], dict[str, Any]],
    clients: int,
    rate: float,
    seconds: float,
) -> Step:
    """One load, from even to even."""
    time.sleep(_SETTLE_S + _TOLD_S)
    before, begun = _status(instance), ask("report")
    time.sleep(seconds)
    ended = ask("report")
    time.sleep(_TOLD_S)
    after = _status(instance)
    elapsed = ended["at"] - begun["at"]
    delivered = (ended["messages"] - begun["messages"]) / elapsed
    latency = _latency(after).since(_latency(before))
    return Step(
        clients=clients,
        rate=rate,
        delivered_per_s=delivered,
        share=delivered / (rate * clients),
        lost=_grown(before, after, "lost_total"),
        conflated=_grown(before, after, "conflated_total"),
        cpu_percent=sum(process.cpu_percent or 0 for process in after.processes),
        p50_us=latency.quantile(0.5),
        p99_us=latency.quantile(0.99),
        p999_us=latency.quantile(0.999),
    )


def _status(instance: Instance) -> StatusReply:
    return instance.ask(StatusRequest(), StatusReply)


def _process(reply: StatusReply, name: str) -> ProcessStatus:
    return next(process for process in reply.processes if process.name == name)


def _latency(reply: StatusReply) -> Latency:
    return _process(reply, "proxy").latency or Latency()


def _grown(before: StatusReply, after: StatusReply, key: str) -> int:
    counts = []
    for reply in (before, after):
        value = _process(reply, "proxy").stats.get(key)
        counts.append(int(value) if isinstance(value, int | float) else 0)
    return counts[1] - counts[0]
