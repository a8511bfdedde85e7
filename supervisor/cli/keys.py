"""`keys create|list|revoke|rotate`: the API keys of this instance's clients."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from typing import Final

import click
import msgspec

from bus.access import DEFAULT_ROLE
from bus.classic import announce
from identity.api_key import ApiKey
from identity.keys import KeyStore
from supervisor import config
from supervisor.cli import complete
from supervisor.cli.instance import Instance, with_instance
from supervisor.errors import UserError

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_EXPIRES_HELP: Final = "When it ends: 30d, 12h, 2026-12-31 (its end, local time); never by default."


@click.group()
def keys() -> None:
    """Make, list, rotate and revoke the API keys with which clients log in.

    \b
    Examples:
      openalgo-stream keys create laptop
      openalgo-stream keys list
      openalgo-stream keys revoke laptop
    """


@keys.command()
@click.argument("name")
@click.option(
    "--role",
    default=DEFAULT_ROLE,
    show_default=True,
    help="What it may.",
    shell_complete=complete.roles,
)
@click.option("--user", default="", help="Whose orders it may see; NAME when left out.")
@click.option("--expires", default="", metavar="WHEN", help=_EXPIRES_HELP)
@click.option(
    "--route",
    default="",
    metavar="ADAPTERS",
    help="Which feed it, the first that can: zerodha,dhan. By default as [routing] says.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_instance
def create(
    instance: Instance, name: str, role: str, user: str, expires: str, route: str, as_json: bool
) -> None:
    """Make a key for NAME and print it, once: only a hash is kept.

    \b
    Examples:
      openalgo-stream keys create laptop
      openalgo-stream keys create scanner --role viewer --expires 30d
      openalgo-stream keys create scalper --route dhan,zerodha
    """
    known = config.role_names(instance.file)
    if role not in known:
        raise UserError(
            f"there is no role {role!r}; known: {', '.join(known)}",
            f"Choose one of them, or add a section [roles.{role}] to the configuration.",
        )
    adapters = _route(instance, route)
    with _store(instance) as store:
        api_key = store.create(name, user=user, role=role, expires=_moment(expires), route=adapters)
    _show(name, api_key, as_json=as_json)


@keys.command()
@click.argument("name", shell_complete=complete.keys)
@click.option(
    "--overlap", default="0s", metavar="TIME", help="How long the old key stays good: 1h, 2d."
)
@click.option("--expires", default="", metavar="WHEN", help=_EXPIRES_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_instance
def rotate(instance: Instance, name: str, overlap: str, expires: str, as_json: bool) -> None:
    """Replace the key of NAME by a new one with the same role and user, and print that, once.

    \b
    Examples:
      openalgo-stream keys rotate laptop --overlap 1h
    """
    seconds = _duration(overlap)
    with _store(instance) as store:
        api_key = store.rotate(name, overlap_s=seconds, expires=_moment(expires))
        user = next(key.user for key in reversed(store.list()) if key.name == name)
    if not seconds:
        _announce(instance, user)
    _show(name, api_key, as_json=as_json)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_instance
def list_keys(instance: Instance, as_json: bool) -> None:
    """List all keys by name, with role, user, and when made, last used, expired and revoked.

    \b
    Examples:
      openalgo-stream keys list
      openalgo-stream keys list --json
    """
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
@click.argument("name", shell_complete=complete.keys)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_instance
def revoke(instance: Instance, name: str, as_json: bool) -> None:
    """End the key of NAME; its live connections are closed within a second.

    \b
    Examples:
      openalgo-stream keys revoke laptop
    """
    with _store(instance) as store:
        user = store.revoke(name)
    _announce(instance, user)
    click.echo(
        json.dumps({"name": name, "revoked": True}) if as_json else f"{name}'s key is revoked"
    )


def _route(instance: Instance, text: str) -> list[str]:
    adapters = [name.strip() for name in text.split(",") if name.strip()]
    known = config.adapter_names(instance.file)
    for name in adapters:
        if name not in known:
            raise UserError(
                f"there is no adapter {name!r}; known: {', '.join(known) or 'none'}",
                "Name adapters of the configuration, the preferred one first.",
            )
    return adapters


def _store(instance: Instance) -> KeyStore:
    instance.paths.make()
    return KeyStore(instance.paths.keys)


def _show(name: str, api_key: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"name": name, "api_key": api_key}))
        return
    click.echo(api_key)
    click.echo(f"This is {name}'s API key. It cannot be shown again.", err=True)


def _announce(instance: Instance, user: str) -> None:
    """Others on OpenAlgo's bus keep keys in mind, too; our own proxy looks by itself."""
    if endpoint := config.openalgo_bus(instance.file):
        announce(endpoint, user)


def _line(key: ApiKey) -> str:
    return (
        f"{key.name:<24} {key.role:<8} {'' if key.user == key.name else key.user:<12} "
        f"made {_when(key.created)}  used {_when(key.last_used)}  {_state(key, int(time.time()))}"
        + (f"  route {','.join(key.route)}" if key.route else "")
    )


def _state(key: ApiKey, now: int) -> str:
    if key.revoked is not None and key.revoked <= now:
        return f"revoked {_when(key.revoked)}"
    if key.expires is not None and key.expires <= now:
        return f"expired {_when(key.expires)}"
    end = key.expires if key.revoked is None else key.revoked
    return "active" if end is None else f"active until {_when(end)}"


def _duration(text: str) -> int:
    """Seconds, of `90s`, `12h`, `30d`."""
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text.strip())
    if found is None:
        raise click.UsageError(f"{text!r} is no length of time; write 90s, 15m, 12h, 30d or 4w")
    return int(found[1]) * _UNITS[found[2]]


def _moment(text: str) -> int | None:
    """Unix seconds of a length of time from now, or of a day's end; None of nothing."""
    if not text:
        return None
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        try:
            end = datetime.fromisoformat(f"{text}T23:59:59").astimezone()
        except ValueError:
            raise click.UsageError(f"{text!r} is no day of the calendar") from None
        moment = int(end.timestamp())
    else:
        moment = int(time.time()) + _duration(text)
    if moment <= time.time():
        raise click.UsageError(f"{text!r} has passed already")
    return moment


def _when(unix_s: int | None) -> str:
    if unix_s is None:
        return "never           "
    return datetime.fromtimestamp(unix_s, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
