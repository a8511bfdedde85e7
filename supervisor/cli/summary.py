"""What `up` prints when all is up."""

from __future__ import annotations

import json

import click

from bus.control.messages import StatusReply
from supervisor.demo import KEY_NAME
from supervisor.instance.paths import StatePaths
from supervisor.processes.lifecycle import State


def print_processes(reply: StatusReply, paths: StatePaths) -> None:
    """One line per process: what it is, how it stands, where it serves."""
    click.echo()
    for process in reply.processes:
        mark = "+" if process.state == State.RUNNING else "!"
        where = process.detail or process.endpoint
        click.echo(f"  {mark} {process.name:<14}{process.role:<12}{process.state:<12}{where}")
    click.echo(f"\nLogs and keys are in {paths.root}")


def print_demo(reply: StatusReply, paths: StatePaths) -> None:
    """Where to connect, and a key to begin with."""
    api_key = _demo_key(paths)
    url = next((p.endpoint for p in reply.processes if p.role == "proxy"), "")
    console = next((p.endpoint for p in reply.processes if p.role == "console"), "")
    click.echo(
        f"""
Live prices of a simulated market: {url}
{f"Console, for the browser: {console}" if console else "The console is off."}
API key: {api_key}

In a second terminal:
  openalgo-stream status
  openalgo-stream tail NSE:RELIANCE NSE_INDEX:NIFTY
"""
    )


def print_json(reply: StatusReply, paths: StatePaths, *, demo: bool) -> None:
    """The same for programs: `pid`, `state`, `processes`, and the demo's `api_key`."""
    told: dict[str, object] = {
        "pid": reply.supervisor.pid,
        "state": str(paths.root),
        "processes": [
            {
                "name": process.name,
                "role": process.role,
                "state": process.state,
                "endpoint": process.endpoint,
                "detail": process.detail,
            }
            for process in reply.processes
        ],
    }
    if demo:
        told["api_key"] = _demo_key(paths)
    click.echo(json.dumps(told))


def _demo_key(paths: StatePaths) -> str:
    """Each demo makes a new one, since only its hash is kept."""
    from identity.keys import KeyStore

    with KeyStore(paths.keys) as store:
        if any(key.name == KEY_NAME and key.revoked is None for key in store.list()):
            store.revoke(KEY_NAME)
        return store.create(KEY_NAME, role="admin")
