"""What Tab offers after a command: names of this instance and of the brokers.

A completion must not fail, nor wait: it reads files, and offers nothing where it cannot.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from bus.errors import StreamError
from supervisor import config
from supervisor.cli.instance import Instance
from supervisor.instance import runfile

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completer(names: Callable[[click.Context], Iterable[str]]) -> Completer:
    def complete(
        ctx: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        try:
            found = sorted(set(names(ctx)))
        except (StreamError, OSError, sqlite3.Error):
            return []
        return [CompletionItem(name) for name in found if name.startswith(incomplete)]

    return complete


def _instance(ctx: click.Context) -> Instance:
    named = ctx.params.get("config_option") or ctx.find_root().params.get("config")
    return Instance(config.find(named, look_here=not ctx.params.get("demo")))


def _processes(ctx: click.Context) -> Iterable[str]:
    run = runfile.read(_instance(ctx).paths.run_file)
    return (process.name for process in run.processes) if run else ()


def _adapters(ctx: click.Context) -> Iterable[str]:
    return config.adapter_names(_instance(ctx).file)


def _logs(ctx: click.Context) -> Iterable[str]:
    return (file.stem for file in _instance(ctx).paths.logs.glob("*.log"))


def _brokers(_ctx: click.Context) -> Iterable[str]:
    from adapters import registry

    return registry.known()


def _roles(ctx: click.Context) -> Iterable[str]:
    return config.role_names(_instance(ctx).file)


def _keys(ctx: click.Context) -> Iterable[str]:
    return _names_in(_instance(ctx).paths.keys)


def _names_in(file: Path) -> list[str]:
    """The names of keys that hold, read without making or upgrading the store."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as store:
        rows = store.execute("SELECT DISTINCT name FROM api_keys WHERE revoked IS NULL")
        return [str(name) for (name,) in rows]


processes = _completer(_processes)
adapters = _completer(_adapters)
logs = _completer(_logs)
brokers = _completer(_brokers)
roles = _completer(_roles)
keys = _completer(_keys)
