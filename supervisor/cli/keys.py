"""`keys create|list|revoke`: the API keys of this instance's clients."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click
import msgspec

from identity.keys import ApiKey, KeyStore
from supervisor.cli.instance import Instance, with_instance


@click.group()
def keys() -> None:
    """Make, list and revoke the API keys with which clients log in."""


@keys.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_instance
def create(instance: Instance, name: str, as_json: bool) -> None:
    """Make a key for NAME and print it, once: only a hash is kept.

    \b
    Example:
      openalgo-stream keys create laptop
    """
    with _store(instance) as store:
        api_key = store.create(name)
    if as_json:
        click.echo(json.dumps({"name": name, "api_key": api_key}))
        return
    click.echo(api_key)
    click.echo(f"This is {name}'s API key. It cannot be shown again.", err=True)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_instance
def list_keys(instance: Instance, as_json: bool) -> None:
    """List all keys by name, with when they were made, last used and revoked."""
    with _store(instance) as store:
        known = store.list()
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(known)))
        return
    if not known:
        click.echo("There is no key yet; make one with `openalgo-stream keys create NAME`.")
    for key in known:
        click.echo(_line(key))


@keys.command()
@click.argument("name")
@with_instance
def revoke(instance: Instance, name: str) -> None:
    """End the key of NAME; its live connections are closed within about a second."""
    with _store(instance) as store:
        store.revoke(name)
    click.echo(f"{name}'s key is revoked")


def _store(instance: Instance) -> KeyStore:
    instance.paths.make()
    return KeyStore(instance.paths.keys)


def _line(key: ApiKey) -> str:
    state = "active" if key.revoked is None else f"revoked {_when(key.revoked)}"
    return f"{key.name:<24} made {_when(key.created)}  used {_when(key.last_used)}  {state}"


def _when(unix_s: int | None) -> str:
    if unix_s is None:
        return "never           "
    return datetime.fromtimestamp(unix_s, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
